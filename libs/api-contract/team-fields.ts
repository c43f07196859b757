import { z } from 'zod';
import { LIMITED_RESOURCES, RUNTIMES, type RuntimeCapabilities } from '@crewtab/domain/runtimes';
import { findPolicyFaults } from '@crewtab/domain/teams/agent-policy';
import { NETWORK_MODES, parseHostPattern, type NetworkMode } from '@crewtab/domain/teams/network';
import { findSecretFaults } from '@crewtab/domain/secrets/secret';
import { findPresetFaults, isMadeImage, type Preset } from '@crewtab/domain/teams/preset';
import { MODES_WITHOUT_QUESTIONS, TOOL_KINDS } from '@crewtab/domain/teams/permission-rules';
import { parseMemorySize, type Agent } from '@crewtab/domain/teams/team';
import { durationField, line, secretName, text } from './fields';
import { LIMITS } from './limits';
import { HEADER_VALUE, mcpServersOf } from './mcp-server-fields';
import type { ContractSettings } from './route';
import { workspaceField } from './workspace-fields';

const AGENT_NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,254}$/;
/** Loose on purpose: the engine has the last word on references, and its own words for it. */
const IMAGE = /^[A-Za-z0-9][A-Za-z0-9._/:@-]*$/;

const agentName = z
  .string()
  .min(1)
  .max(LIMITS.agentNameLength)
  .regex(
    AGENT_NAME,
    'must be of a-z, 0-9 and "-", with a letter or digit at both ends: container names are made of it',
  );

const memory = z
  .string()
  .superRefine((value, context) => {
    const parsed = parseMemorySize(value);
    const inRange = parsed.ok && parsed.bytes >= LIMITS.minMemoryBytes && parsed.bytes <= LIMITS.maxMemoryBytes;
    if (!inRange) context.addIssue({ code: 'custom', message: parsed.ok ? 'must be from 6m to 4t' : parsed.message });
  })
  .meta({ description: 'Bytes with a unit: 512m, 2g.', examples: ['512m'] });

const resources = z.strictObject({
  cpus: z.number().min(LIMITS.minCpus).max(LIMITS.maxCpus).optional().meta({ description: 'Cores, such as 0.5.' }),
  memory: memory.optional(),
  pids: z.int().min(LIMITS.minPids).max(LIMITS.maxPids).optional().meta({ description: 'Most processes and threads.' }),
});

const ENV_VALUE = text(0, LIMITS.environmentValueLength);
const keptValue = z.strictObject({ isSet: z.literal(true) });

/** Of `value` by name; what stands for a value differs between new agents, edits and answers. */
function variables<V extends z.ZodType>(value: V) {
  return z
    .record(
      z
        .string()
        .regex(
          ENV_NAME,
          'is not a name for an environment variable: letters, digits and "_", not beginning with a digit',
        ),
      value,
    )
    .refine(
      (entries) => Object.keys(entries).length <= LIMITS.environmentVariables,
      `must have at most ${LIMITS.environmentVariables} variables`,
    );
}

const command = z
  .array(text(0, LIMITS.commandArgumentLength))
  .min(1)
  .max(LIMITS.commandArguments)
  .superRefine((args, context) => {
    if (args[0]?.trim() === '')
      context.addIssue({ code: 'custom', path: [0], message: 'must not be empty: it is the program' });
  });

const pattern = line(1, LIMITS.permissionPatternLength).optional();
export const permissionRules = z.strictObject({
  default: z.enum(['allow', 'deny']),
  rules: z
    .array(
      z.strictObject({
        tool: pattern.meta({ description: "The tool's name or the title of its call; * is any text." }),
        kind: z.enum(TOOL_KINDS).optional(),
        command: pattern.meta({
          description: 'The command line; * is any text, but no operator of a shell in a rule that allows.',
        }),
        path: pattern.meta({ description: 'The files; * is any part of a name, ** any folders.' }),
        allow: z.boolean(),
      }),
    )
    .max(LIMITS.permissionRules),
});

const agentDuration = durationField(LIMITS.minTimeoutMs, LIMITS.maxAgentTimeoutMs);

const agentFields = z.strictObject({
  name: agentName,
  role: z.enum(['leader', 'worker']),
  protocol: z
    .enum(['acp', 'command'])
    .optional()
    .meta({ description: 'Required without a preset; presets speak acp.' }),
  preset: z
    .string()
    .max(LIMITS.agentNameLength)
    .optional()
    .meta({ description: 'The name of a preset, which fills in what the agent leaves out: see GET /presets.' }),
  model: line(1, LIMITS.modelLength).optional().meta({ description: 'What its preset gives to the program as model.' }),
  image: z.string().min(1).max(LIMITS.imageLength).regex(IMAGE, 'is not an image reference').optional(),
  command: command.optional().meta({
    description:
      "Replaces the image's entry point and command; required under the process and kubernetes runtimes without a preset.",
  }),
  env: variables(ENV_VALUE).optional().meta({ description: 'Stored encrypted, never logged, never in an answer.' }),
  secrets: variables(secretName).optional().meta({
    description:
      "Names of the organization's secrets by the variable that gets the value, which a run takes when it begins.",
  }),
  instructions: text(0, LIMITS.instructionsLength)
    .optional()
    .meta({ description: 'Given to the agent before the prompt.' }),
  mode: line(1, LIMITS.modeLength).optional().meta({ description: 'The ACP session mode to set.' }),
  permissions: z
    .union([z.enum(['allow', 'deny']), permissionRules])
    .optional()
    .meta({
      description:
        "Answers the agent's permission requests: all of them, or by the first rule that fits; default allow. Refused with a mode in which the agent never asks.",
    }),
  authMethod: line(1, LIMITS.modeLength).optional().meta({
    description: 'The id of the way to log in, where the agent wants a login and offers several.',
  }),
  handshakeTimeout: agentDuration.optional().meta({
    description: 'From its start to the end of its handshake; default AGENT_HANDSHAKE_TIMEOUT of the worker.',
  }),
  idleTimeout: agentDuration.optional().meta({
    description:
      'Ends the run as agent_idle when the agent writes nothing for so long while it has a task and waits for no teammate; off unless set.',
  }),
  resources: resources.optional(),
  mcpServers: mcpServersOf(variables(ENV_VALUE), HEADER_VALUE),
});

const EDITED_VALUE = { error: 'must be a string, { "isSet": true } or null' };

const editedFields = agentFields.extend({
  previousName: agentName.optional().meta({
    description: 'The name that the agent had until now, when it is to be renamed: it keeps its variables.',
  }),
  mcpServers: mcpServersOf(
    variables(z.union([ENV_VALUE, keptValue, z.null()], EDITED_VALUE)),
    z.union([HEADER_VALUE, keptValue, z.null()], EDITED_VALUE),
  ),
  env: variables(z.union([ENV_VALUE, keptValue, z.null()], EDITED_VALUE))
    .optional()
    .meta({
      description:
        'A string sets a variable, null deletes it, `{ "isSet": true }` keeps it, as does leaving it out. Without `env` the agent keeps all of its variables.',
    }),
});

const host = z
  .string()
  .max(LIMITS.networkHostLength)
  .superRefine((value, context) => {
    const parsed = parseHostPattern(value);
    if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.message });
  });

const networkFields = z.strictObject({
  mode: z.enum(NETWORK_MODES).meta({
    description:
      'none: nothing. allowlist: the hosts of the list through the egress proxy, nothing else. open: whatever the host reaches; blocks nothing.',
  }),
  hosts: z.array(host).max(LIMITS.networkHosts).default([]).meta({
    description:
      'Of allowlist: api.example.com, *.github.com, registry.example.org:5000, or * for every public host. Ports 80 and 443 unless one is named.',
  }),
});

/** What version 0.1 took, and this version is the last to take. */
type FormerNetwork = 'egress' | 'team' | 'none';
type GivenNetwork = z.input<typeof networkFields>;

function networkOf(given: FormerNetwork | GivenNetwork): GivenNetwork {
  if (given === 'none') return { mode: 'none' };
  return given === 'egress' || given === 'team' ? { mode: 'open' } : given;
}

function networkSchema({ runtime }: ContractSettings) {
  const kept: readonly NetworkMode[] = RUNTIMES[runtime].networks;
  const network = networkFields.superRefine(({ mode, hosts }, context) => {
    if (!kept.includes(mode)) {
      const message = `the ${runtime} runtime cannot keep to this network: it takes ${kept.join(' or ')} only`;
      context.addIssue({ code: 'custom', path: ['mode'], message });
    }
    if (hosts.length > 0 && mode !== 'allowlist')
      context.addIssue({ code: 'custom', path: ['hosts'], message: `belongs to the mode allowlist, not to ${mode}` });
  });
  return z.preprocess(networkOf, network);
}

/** Bodies that make or change a team. What an agent must have depends on where it will run, so they are made for one runtime. */
export function teamSchemas(settings: ContractSettings) {
  const { runtime, onlyCommand, agentPolicy, presets } = settings;
  const { buildsImages, limits }: RuntimeCapabilities = RUNTIMES[runtime];
  const needs: readonly ('image' | 'command')[] = RUNTIMES[runtime].agentNeeds;
  const checkNeed = (value: LooseAgent, context: z.core.$RefinementCtx): void => {
    const preset = checkPreset(value, presets, context);
    if (preset && isMadeImage(preset) && needs.includes('image') && !buildsImages && value.image === undefined) {
      const message = `has no image under the ${runtime} runtime, which makes none: name one in PRESET_IMAGES, or for the agent`;
      context.addIssue({ code: 'custom', path: ['preset'], message });
    }
    if (!context.issues.some(isOfPolicy)) {
      for (const fault of findPolicyFaults(value as Agent, agentPolicy))
        context.addIssue({ code: 'custom', path: [...fault.path], message: fault.message });
    }
    for (const name of LIMITED_RESOURCES) {
      if (!isSet(value.resources, name) || limits.includes(name)) continue;
      const message = `cannot be had under the ${runtime} runtime, which keeps no agent to it`;
      context.addIssue({ code: 'custom', path: ['resources', name], message });
    }
    checkMcpServers(value, runtime !== 'process' || onlyCommand === null, context);
    for (const need of needs) {
      const isNeedMet = value[need] !== undefined || value.preset !== undefined;
      if (isNeedMet || context.issues.some((issue) => issue.path?.[0] === need)) continue;
      const message = `is required under the ${runtime} runtime without a preset`;
      context.addIssue({ code: 'custom', path: [need], message });
    }
    checkConduct(value, context);
    const command = value.command ?? preset?.command;
    if (runtime === 'process' && onlyCommand !== null && !isSame(command, onlyCommand)) {
      const field = value.preset === undefined ? 'command' : 'preset';
      context.addIssue({ code: 'custom', path: [field], message: NOT_ISOLATED });
    }
  };
  const checkNew = (value: LooseAgent, context: z.core.$RefinementCtx): void => {
    checkNeed(value, context);
    addPresetFaults(value, presets, context);
    if (context.issues.length > 0) return;
    for (const { path, message } of findSecretFaults(value as Agent))
      context.addIssue({ code: 'custom', path: [...path], message });
  };
  const fields = {
    name: line(1, LIMITS.teamNameLength),
    description: text(0, LIMITS.teamDescriptionLength).nullable(),
    network: networkSchema(settings),
    workspace: workspaceField(runtime),
  };
  return {
    create: z.strictObject({
      ...fields,
      description: fields.description.default(null),
      network: fields.network.default({ mode: RUNTIMES[runtime].networks[0], hosts: [] }),
      workspace: fields.workspace.default(null),
      agents: agentsOf(
        agentFields.superRefine(checkNew, { when: isObject }).transform(withProtocol).transform(toAgent),
      ),
    }),
    patch: z
      .strictObject({
        ...fields,
        // What its preset needs may be among the variables that it keeps, which only the store knows.
        agents: agentsOf(
          editedFields.superRefine(checkNeed, { when: isObject }).transform(withProtocol).transform(toAgent),
        ),
      })
      .partial(),
  };
}

/** An agent as it came, of which nothing is certain. */
interface LooseAgent {
  readonly resources?: unknown;
  readonly mcpServers?: unknown;
  readonly protocol?: unknown;
  readonly preset?: unknown;
  readonly model?: unknown;
  readonly image?: unknown;
  readonly command?: unknown;
  readonly env?: unknown;
  readonly secrets?: unknown;
}

function isSet(fields: unknown, name: string): boolean {
  return typeof fields === 'object' && fields !== null && (fields as Record<string, unknown>)[name] !== undefined;
}

function withProtocol<A extends { readonly protocol?: 'acp' | 'command' | undefined }>(agent: A) {
  return { ...agent, protocol: agent.protocol ?? ('acp' as const) };
}

/** @returns the preset that the agent names, where it is there */
function checkPreset(
  { preset: name, protocol, model }: LooseAgent,
  presets: ContractSettings['presets'],
  context: z.core.$RefinementCtx,
): Preset | undefined {
  const add = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
  if (name === undefined) {
    if (protocol === undefined) add('protocol', 'is required without a preset: acp or command');
    if (model !== undefined) add('model', 'belongs to a preset, which this agent does not have');
    return undefined;
  }
  const preset = typeof name === 'string' ? presets.get(name) : undefined;
  if (preset === undefined && typeof name === 'string')
    add('preset', `is not the name of a preset: there are ${[...presets.keys()].join(', ') || 'none'}`);
  if (protocol === 'command') add('protocol', 'must be acp: presets speak nothing else');
  return preset;
}

/** What a new agent lacks for its preset. Needs an agent whose fields are what they should be. */
function addPresetFaults(
  value: LooseAgent,
  presets: ContractSettings['presets'],
  context: z.core.$RefinementCtx,
): void {
  const preset = typeof value.preset === 'string' ? presets.get(value.preset) : undefined;
  const isFormed = [value.env, value.secrets].every((names) => names === undefined || isObject({ value: names }));
  if (preset === undefined || !isFormed) return;
  for (const { path, message } of findPresetFaults(value as Agent, preset)) {
    if (!context.issues.some((issue) => issue.path?.[0] === path[0]))
      context.addIssue({ code: 'custom', path: [...path], message });
  }
}

/** What the API states as durations and in one field is told apart inside. */
function toAgent<A extends Pick<z.output<typeof agentFields>, 'permissions' | 'handshakeTimeout' | 'idleTimeout'>>({
  permissions,
  handshakeTimeout,
  idleTimeout,
  ...agent
}: A) {
  const isByRule = typeof permissions === 'object';
  return {
    ...agent,
    ...(permissions !== undefined && { permissions: isByRule ? permissions.default : permissions }),
    ...(isByRule && { permissionRules: permissions.rules }),
    ...(handshakeTimeout !== undefined && { handshakeTimeoutMs: handshakeTimeout }),
    ...(idleTimeout !== undefined && { idleTimeoutMs: idleTimeout }),
  };
}

/** Settings that would do nothing. The agent need not have the right form. */
function checkConduct(agent: object, context: z.core.$RefinementCtx): void {
  const { protocol, mode, permissions, ...rest } = agent as Readonly<Record<string, unknown>>;
  const add = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
  if (protocol === 'command') {
    for (const field of ['authMethod', 'handshakeTimeout'])
      if (rest[field] !== undefined) add(field, 'belongs to the protocol acp: a plain program has no handshake');
    if (typeof permissions === 'object')
      add('permissions', 'has rules for the protocol acp: a plain program never asks');
  } else if (typeof mode === 'string' && MODES_WITHOUT_QUESTIONS.includes(mode)) {
    if (permissions !== undefined && permissions !== 'allow')
      add('permissions', `would do nothing: in the mode ${mode} the agent never asks. Choose a mode that asks`);
  }
}

/** The value has not the form that the policy is about. */
function isOfPolicy({ path }: { readonly path?: readonly PropertyKey[] }): boolean {
  return path?.[0] === 'image' || path?.[0] === 'resources';
}

function agentsOf<A extends z.ZodType<{ readonly name: string; readonly role: string }>>(agent: A) {
  return z
    .array(agent)
    .min(1)
    .max(LIMITS.agentsPerTeam)
    .superRefine(checkTogether, {
      when: ({ value }) => Array.isArray(value) && value.every((member) => isObject({ value: member as unknown })),
    });
}

const NOT_ISOLATED =
  "would run without isolation, which only the demo's may here: start Docker, or start Crewtab with CREWTAB_RUNTIME=process";

/** Only a dialogue has a place for MCP servers, and a program of the user's is not the demo's. */
function checkMcpServers(
  { protocol, mcpServers }: { readonly protocol?: unknown; readonly mcpServers?: unknown },
  mayStartPrograms: boolean,
  context: z.core.$RefinementCtx,
): void {
  if (!Array.isArray(mcpServers) || mcpServers.length === 0) return;
  const add = (path: (string | number)[], message: string): void => context.addIssue({ code: 'custom', path, message });
  if (protocol === 'command') add(['mcpServers'], 'belongs to agents that speak acp');
  if (mayStartPrograms) return;
  mcpServers.forEach((server: unknown, index) => {
    const { command } = (server ?? {}) as { readonly command?: unknown };
    if (command !== undefined) add(['mcpServers', index, 'command'], NOT_ISOLATED);
  });
}

function isSame(command: unknown, only: readonly string[]): boolean {
  return Array.isArray(command) && command.length === only.length && only.every((word, at) => word === command[at]);
}

function isObject({ value }: { value: unknown }): boolean {
  return typeof value === 'object' && value !== null;
}

/** Runs even when single agents are faulty, so that all faults are told at once. */
function checkTogether(
  agents: readonly { readonly name?: unknown; readonly role?: unknown }[],
  context: z.core.$RefinementCtx,
): void {
  const leaders = agents.filter((agent) => agent.role === 'leader').length;
  const areRolesKnown = agents.every((agent) => agent.role === 'leader' || agent.role === 'worker');
  if (leaders !== 1 && agents.length > 0 && areRolesKnown) {
    context.addIssue({ code: 'custom', message: `must have exactly one agent with the role leader, not ${leaders}` });
  }
  const seen = new Set<unknown>();
  agents.forEach((agent, index) => {
    if (typeof agent.name === 'string' && seen.has(agent.name)) {
      context.addIssue({ code: 'custom', path: [index, 'name'], message: `is the name of another agent of the team` });
    }
    seen.add(agent.name);
  });
}
