import { z } from 'zod';
import { NETWORK_MODES } from '@crewtab/domain/teams/network';
import { durationField, idOf, PAGE_FIELDS, text } from './fields';
import { LIMITS } from './limits';
import { mcpServersView } from './mcp-server-fields';
import { API_PATH, defineRoute, pageOf, type ContractSettings } from './route';
import { runView } from './run-routes';
import { permissionRules, teamSchemas } from './team-fields';
import { workspaceView } from './workspace-fields';

const agentView = z.object({
  name: z.string(),
  role: z.enum(['leader', 'worker']),
  protocol: z.enum(['acp', 'command']),
  preset: z.string().optional(),
  model: z.string().optional(),
  image: z.string().optional(),
  command: z.array(z.string()).optional(),
  env: z
    .record(z.string(), z.object({ isSet: z.literal(true) }))
    .optional()
    .meta({ description: 'Which variables are set. Their values are never in an answer.' }),
  secrets: z.record(z.string(), z.string()).optional().meta({ description: 'Names of secrets by variable.' }),
  instructions: z.string().optional(),
  mode: z.string().optional(),
  permissions: z.union([z.enum(['allow', 'deny']), permissionRules]).optional(),
  authMethod: z.string().optional(),
  handshakeTimeout: z.string().optional().meta({ format: 'go-duration' }),
  idleTimeout: z.string().optional().meta({ format: 'go-duration' }),
  resources: z
    .object({ cpus: z.number().optional(), memory: z.string().optional(), pids: z.int().optional() })
    .optional(),
  mcpServers: mcpServersView,
});

/** A team as the API answers it. */
export const teamView = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    network: z.object({ mode: z.enum(NETWORK_MODES), hosts: z.array(z.string()) }),
    workspace: workspaceView,
    agents: z.array(agentView),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Team' });

export type TeamView = z.input<typeof teamView>;

const TEAM_EXAMPLE = {
  name: 'Marketing team',
  description: 'Writes the weekly report',
  network: { mode: 'allowlist', hosts: ['api.anthropic.com', '*.github.com'] },
  agents: [
    {
      name: 'lead',
      role: 'leader',
      preset: 'claude-code',
      model: 'sonnet',
      env: { ANTHROPIC_API_KEY: 'sk-…' },
    },
    {
      name: 'analyst',
      role: 'worker',
      protocol: 'acp',
      image: 'ghcr.io/example/codex:1',
      instructions: 'You look after the figures.',
      resources: { cpus: 1, memory: '512m', pids: 256 },
    },
  ],
};

const PATH = `${API_PATH}/teams` as const;
const ONE = `${PATH}/:id` as const;
const shared = { tag: 'Teams', role: 'member' } as const;
const params = { id: idOf('team') };

export const createTeam = defineRoute({
  ...shared,
  method: 'post',
  path: PATH,
  operationId: 'createTeam',
  summary: 'Create a team with its agents',
  body: { schema: (settings: ContractSettings) => teamSchemas(settings).create, example: TEAM_EXAMPLE },
  answer: { status: 201, description: 'The team.', view: teamView },
  errors: ['conflict'],
});

export const listTeams = defineRoute({
  ...shared,
  method: 'get',
  path: PATH,
  operationId: 'listTeams',
  summary: 'List teams, newest first',
  query: z.strictObject(PAGE_FIELDS),
  answer: { status: 200, description: 'A page of teams.', view: pageOf(teamView) },
});

export const getTeam = defineRoute({
  ...shared,
  method: 'get',
  path: ONE,
  params,
  operationId: 'getTeam',
  summary: 'Get a team',
  answer: { status: 200, description: 'The team.', view: teamView },
});

export const updateTeam = defineRoute({
  ...shared,
  method: 'patch',
  path: ONE,
  params,
  operationId: 'updateTeam',
  summary: 'Change some fields of a team',
  description:
    'Fields left out stay as they are; `agents`, when given, are all there are from then on. They are matched by name, so that an agent as GET shows it keeps the values of its `env`. Runs that have begun keep the team they started with.',
  body: {
    schema: (settings: ContractSettings) => teamSchemas(settings).patch,
    example: { description: 'Writes the daily report' },
  },
  answer: { status: 200, description: 'The team as it is now.', view: teamView },
  errors: ['conflict'],
});

export const deleteTeam = defineRoute({
  ...shared,
  method: 'delete',
  path: ONE,
  params,
  operationId: 'deleteTeam',
  summary: 'Delete a team that no schedule uses',
  answer: { status: 204, description: 'It is gone; its runs stay readable.' },
  errors: ['team_in_use'],
});

export const tryTeam = defineRoute({
  ...shared,
  method: 'post',
  path: `${ONE}/try`,
  params,
  operationId: 'tryTeam',
  summary: 'Run a team once with a prompt, without a schedule',
  body: {
    schema: ({ maxTimeoutMs }: ContractSettings) =>
      z.strictObject({
        prompt: text(1, LIMITS.promptLength),
        timeout: durationField(LIMITS.minTimeoutMs, maxTimeoutMs).optional(),
      }),
    example: { prompt: 'Say hello, and which tools you have.', timeout: '10m' },
  },
  answer: { status: 202, description: 'The run, whose `scheduleId` is null.', view: runView },
});

export const teamRoutes = [createTeam, listTeams, getTeam, updateTeam, deleteTeam, tryTeam] as const;
