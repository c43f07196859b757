import { z } from 'zod';
import { findValueFault, SHORTEST_SECRET } from '@crewtab/domain/secrets/secret';
import { PAGE_FIELDS, secretName, text } from './fields';
import { LIMITS } from './limits';
import { API_PATH, defineRoute, pageOf, type PathParam } from './route';

const secretView = z
  .object({
    name: z.string(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime().meta({ description: 'When its value was last set. The value itself is in no answer.' }),
    useCount: z.int(),
    uses: z
      .array(
        z.object({
          teamId: z.string(),
          teamName: z.string(),
          agent: z.string().nullable().meta({ description: "Null: the team's workspace, for its repository." }),
          mcpServer: z.string().nullable().meta({ description: 'Null: the agent itself.' }),
          variable: z.string(),
        }),
      )
      .meta({ description: 'Who gets it; the first 100.' }),
  })
  .meta({ id: 'Secret' });

export type SecretView = z.input<typeof secretView>;

const PATH = `${API_PATH}/secrets` as const;
const ONE = `${PATH}/:name` as const;
const existing: PathParam<string> = { schema: secretName, resource: 'secret', isOwned: true };
/** Told what is wrong with it, unlike the name of one that would have to be there. */
const any: PathParam<string> = { schema: z.string(), resource: 'secret', isOwned: false };

export const listSecrets = defineRoute({
  method: 'get',
  path: PATH,
  operationId: 'listSecrets',
  tag: 'Secrets',
  role: 'member',
  summary: 'List secrets by name',
  query: z.strictObject(PAGE_FIELDS),
  answer: { status: 200, description: 'A page of secrets, without their values.', view: pageOf(secretView) },
});

export const getSecret = defineRoute({
  method: 'get',
  path: ONE,
  params: { name: existing },
  operationId: 'getSecret',
  tag: 'Secrets',
  role: 'member',
  summary: 'Get a secret and who uses it, without its value',
  answer: { status: 200, description: 'The secret.', view: secretView },
});

export const putSecret = defineRoute({
  method: 'put',
  path: ONE,
  params: { name: any },
  operationId: 'putSecret',
  tag: 'Secrets',
  role: 'admin',
  summary: 'Make a secret, or replace its value',
  description:
    'The next run that begins takes the new value; those that have begun keep theirs. With `If-None-Match: *` one that is there already is a 409 and stays as it is.',
  headers: z.object({
    'if-none-match': z.literal('*', 'must be *: what is to be replaced has no other state').optional(),
  }),
  body: {
    schema: z.strictObject({
      value: text(0, LIMITS.secretValueLength)
        .superRefine((value, context) => {
          const message = findValueFault(value);
          if (message !== null) context.addIssue({ code: 'custom', message });
        })
        .meta({ description: `From ${SHORTEST_SECRET} to ${LIMITS.secretValueLength} characters.` }),
    }),
    example: { value: 'ghp_0123456789abcdef' },
  },
  answer: { status: 200, description: 'The secret, without its value.', view: secretView },
  errors: ['conflict'],
});

export const deleteSecret = defineRoute({
  method: 'delete',
  path: ONE,
  params: { name: existing },
  operationId: 'deleteSecret',
  tag: 'Secrets',
  role: 'admin',
  summary: 'Delete a secret that nothing uses',
  answer: { status: 204, description: 'It is gone.' },
  errors: ['secret_in_use'],
});

export const secretRoutes = [listSecrets, getSecret, putSecret, deleteSecret] as const;
