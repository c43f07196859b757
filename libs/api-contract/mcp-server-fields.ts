import { z } from 'zod';
import { TEAM_SERVER_NAME } from '@crewtab/domain/teams/teammates';
import { line, secretName, text } from './fields';
import { LIMITS } from './limits';

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;
/** RFC 9110, 5.6.2. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/;
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,254}$/;

const name = z
  .string()
  .min(1)
  .max(LIMITS.mcpNameLength)
  .regex(NAME, 'must be of letters, digits, "_" and "-", with a letter or digit first: agents name tools after it')
  .refine((given) => given.toLowerCase() !== TEAM_SERVER_NAME, 'is the name of the tools of the team');

const url = z
  .string()
  .max(LIMITS.urlLength)
  .superRefine((value, context) => {
    const message = findUrlFault(value);
    if (message !== null) context.addIssue({ code: 'custom', message });
  });

function findUrlFault(value: string): string | null {
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value)) return 'must be a URL with http:// or https://';
  const { username, password, hash } = new URL(value);
  if (username !== '' || password !== '') return 'must have no user or password: send a header';
  return hash === '' ? null : 'must have no fragment';
}

/** Of one line, since it goes into an HTTP header. */
export const HEADER_VALUE = line(0, LIMITS.environmentValueLength);

/** Of variables or headers, which depends on the kind of the server. */
const secrets = z
  .record(z.string(), secretName)
  .refine((entries) => Object.keys(entries).length <= LIMITS.mcpValues, `must have at most ${LIMITS.mcpValues}`)
  .meta({ description: 'Names of secrets, by the variable (`command`) or header (`url`) that gets the value.' });

function headersOf<V extends z.ZodType>(value: V) {
  return z
    .record(z.string().regex(HEADER_NAME, 'is not a name for an HTTP header'), value)
    .refine((entries) => Object.keys(entries).length <= LIMITS.mcpValues, `must have at most ${LIMITS.mcpValues}`);
}

/**
 * The MCP servers of an agent. What stands for a value differs between new agents and edits.
 * @param env the schema of variables
 * @param headerValue of one header
 */
export function mcpServersOf<E extends z.ZodType, V extends z.ZodType>(env: E, headerValue: V) {
  const server = z
    .strictObject({
      name,
      command: text(1, LIMITS.commandArgumentLength).optional(),
      args: z.array(text(0, LIMITS.commandArgumentLength)).max(LIMITS.commandArguments).optional(),
      env: env.optional(),
      url: url.optional(),
      headers: headersOf(headerValue).optional(),
      secrets: secrets.optional(),
    })
    .superRefine(checkKind, { when: ({ value }) => typeof value === 'object' && value !== null });
  return z
    .array(server)
    .max(LIMITS.mcpServers)
    .superRefine(checkNames, { when: ({ value }) => Array.isArray(value) })
    .optional()
    .meta({
      description:
        'MCP servers that the agent gets beside the tools of its team: a program in its container (`command`, `args`, `env`), or one over HTTP ' +
        '(`url`, `headers`), whose host the network of the team must list. Stored encrypted; values of `env` and `headers` are never in an answer.',
    });
}

const BELONGS = { args: 'command', env: 'command', headers: 'url' } as const;

function checkKind(server: Readonly<Record<string, unknown>>, context: z.core.$RefinementCtx): void {
  const { command, url: given } = server;
  if ((command === undefined) === (given === undefined)) {
    context.addIssue({ code: 'custom', message: 'must have either a command or a url' });
    return;
  }
  for (const [field, of] of Object.entries(BELONGS))
    if (server[field] !== undefined && server[of] === undefined)
      context.addIssue({ code: 'custom', path: [field], message: `belongs to a server with a ${of}` });
  const [pattern, what] =
    command === undefined ? [HEADER_NAME, 'an HTTP header'] : [VARIABLE_NAME, 'an environment variable'];
  for (const name of Object.keys(server['secrets'] ?? {}))
    if (!pattern.test(name))
      context.addIssue({ code: 'custom', path: ['secrets', name], message: `is not a name for ${what}` });
}

function checkNames(servers: readonly unknown[], context: z.core.$RefinementCtx): void {
  const seen = new Set<unknown>();
  servers.forEach((server, index) => {
    const given = (server as { readonly name?: unknown } | null)?.name;
    if (typeof given === 'string' && seen.has(given))
      context.addIssue({
        code: 'custom',
        path: [index, 'name'],
        message: 'is the name of another MCP server of the agent',
      });
    seen.add(given);
  });
}

const isSet = z.object({ isSet: z.literal(true) });

/** As an answer shows them. */
export const mcpServersView = z
  .array(
    z.object({
      name: z.string(),
      command: z.string().optional(),
      args: z.array(z.string()).optional(),
      env: z.record(z.string(), isSet).optional(),
      url: z.string().optional(),
      headers: z.record(z.string(), isSet).optional(),
      secrets: z.record(z.string(), z.string()).optional(),
    }),
  )
  .optional();
