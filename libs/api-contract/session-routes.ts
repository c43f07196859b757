import { z } from 'zod';
import { idOf } from './fields';
import { API_PATH, defineRoute } from './route';

/** What a browser sends beside its cookie with everything that changes something. */
export const CSRF_HEADER = 'X-CSRF-Token';

const credentials = z
  .strictObject({
    apiKey: z.string().min(1).max(1_000).optional(),
    code: z
      .string()
      .min(1)
      .max(1_000)
      .optional()
      .meta({ description: 'A code for one log-in, as `npm start` prints it behind the address of the page.' }),
  })
  .refine(({ apiKey, code }) => (apiKey === undefined) !== (code === undefined), {
    message: 'must have either apiKey or code',
  });

const sessionView = z
  .object({
    id: z.string(),
    client: z.string().meta({ description: 'What the browser called itself: its User-Agent.' }),
    createdAt: z.iso.datetime(),
    lastSeenAt: z.iso.datetime().meta({ description: 'To within a minute.' }),
    expiresAt: z.iso.datetime().meta({ description: 'The end, however much it is used.' }),
    isCurrent: z.boolean().meta({ description: 'Whether it is the one that this request came with.' }),
  })
  .meta({ id: 'Session' });

export type SessionView = z.input<typeof sessionView>;

/** GET /session. */
const callerView = z
  .object({
    role: z.enum(['admin', 'member']),
    capabilities: z
      .array(z.string())
      .meta({ description: 'The operations (operationId) that this caller is not refused for its role.' }),
    session: sessionView.nullable().meta({ description: 'Null when the request came with an API key.' }),
    csrfToken: z
      .string()
      .nullable()
      .meta({ description: `To be sent as ${CSRF_HEADER} with everything but GET; null with an API key.` }),
  })
  .meta({ id: 'Caller' });

export type CallerView = z.input<typeof callerView>;

const ONE = `${API_PATH}/session` as const;
const ALL = `${API_PATH}/sessions` as const;
const shared = { tag: 'Session', role: 'member' } as const;

export const createSession = defineRoute({
  ...shared,
  role: 'public',
  opensSession: true,
  method: 'post',
  path: ONE,
  operationId: 'createSession',
  summary: 'Log a browser in, with an API key or a code for one log-in',
  description:
    'Sets a cookie that scripts cannot read and other sites cannot send; its name has the port. Requests with the cookie ' +
    `count as the key's, and all but GET need the header ${CSRF_HEADER}.`,
  body: { schema: credentials, example: { apiKey: 'ctk_…' } },
  answer: { status: 200, description: 'Who is logged in now; the cookie comes with it.', view: callerView },
  errors: [
    'unauthorized',
    'invalid_request',
    'payload_too_large',
    'unsupported_media_type',
    'rate_limited',
    'store_unreachable',
  ],
});

export const getSession = defineRoute({
  ...shared,
  method: 'get',
  path: ONE,
  operationId: 'getSession',
  summary: 'Who am I: role, capabilities, session',
  answer: { status: 200, description: 'Who asks.', view: callerView },
});

export const endSession = defineRoute({
  ...shared,
  method: 'delete',
  path: ONE,
  operationId: 'endSession',
  summary: 'Log this browser out',
  answer: { status: 204, description: 'The session is over; with an API key there was none.' },
});

export const createLoginCode = defineRoute({
  ...shared,
  method: 'post',
  path: `${ONE}/codes`,
  operationId: 'createLoginCode',
  summary: 'Make a code with which one browser can log in within ten minutes',
  description: 'It stands for the key that asks. Put it behind `#code=` of the address of the page.',
  answer: {
    status: 201,
    description: 'The code, shown only here.',
    view: z.object({ code: z.string(), expiresAt: z.iso.datetime() }).meta({ id: 'LoginCode' }),
  },
});

export const listSessions = defineRoute({
  ...shared,
  method: 'get',
  path: ALL,
  operationId: 'listSessions',
  summary: 'Every browser that is logged in with the same key, newest first',
  answer: {
    status: 200,
    description: 'All of them, at most 100.',
    view: z.object({ items: z.array(sessionView) }).meta({ id: 'Sessions' }),
  },
});

export const endAllSessions = defineRoute({
  ...shared,
  method: 'delete',
  path: ALL,
  operationId: 'endAllSessions',
  summary: 'Log every browser out that is logged in with the same key',
  answer: { status: 204, description: 'None is logged in any more.' },
});

export const endOneSession = defineRoute({
  ...shared,
  method: 'delete',
  path: `${ALL}/:id`,
  params: { id: idOf('session') },
  operationId: 'endOneSession',
  summary: 'Log one browser out that is logged in with the same key',
  answer: { status: 204, description: 'The session is over.' },
});

export const sessionRoutes = [
  createSession,
  getSession,
  endSession,
  createLoginCode,
  listSessions,
  endAllSessions,
  endOneSession,
] as const;
