import type { BodyOf } from '@crewtab/api-client/route-types';
import type { Preset, Team } from '../../api/client';

type Agent = Team['agents'][number];
export type TeamBody = BodyOf<'POST /teams'>;
type TeamEdit = BodyOf<'PATCH /teams/:id'>;
type AgentBody = NonNullable<TeamEdit['agents']>[number];

/** A variable of an agent: the browser never has the value of one that is stored. */
export interface VariableDraft {
  readonly name: string;
  /** `kept`: as it is stored. `set`: to `value`. `deleted`: it was stored, and goes. `secret`: `value` names a secret. */
  readonly state: 'kept' | 'set' | 'deleted' | 'secret';
  readonly value: string;
  /** It has a value of its own by that name. */
  readonly wasStored: boolean;
}

export interface AgentDraft {
  /** Tells drafts apart whose names are edited. */
  readonly key: number;
  /** As it is stored; null for a new one. Fields that the form does not show are kept from it. */
  readonly stored: Agent | null;
  readonly name: string;
  readonly role: Agent['role'];
  readonly protocol: Agent['protocol'];
  /** Empty: a program of one's own. */
  readonly preset: string;
  readonly model: string;
  readonly image: string;
  readonly command: string;
  readonly instructions: string;
  readonly mode: string;
  readonly permissions: '' | 'allow' | 'deny';
  readonly cpus: string;
  readonly memory: string;
  readonly pids: string;
  readonly env: readonly VariableDraft[];
}

export interface TeamDraft {
  readonly name: string;
  readonly description: string;
  readonly network: Team['network']['mode'];
  /** One a line. */
  readonly hosts: string;
  readonly agents: readonly AgentDraft[];
}

let lastKey = 0;

export function newAgent(role: Agent['role'], name: string): AgentDraft {
  return {
    ...{
      key: ++lastKey,
      stored: null,
      name,
      role,
      protocol: 'acp',
      preset: '',
      model: '',
      image: '',
      command: '',
      instructions: '',
    },
    ...{ mode: '', permissions: '', cpus: '', memory: '', pids: '', env: [] },
  };
}

export function newTeam(network: Team['network']['mode']): TeamDraft {
  return { name: '', description: '', network, hosts: '', agents: [newAgent('leader', 'lead')] };
}

export function draftOf(team: Team): TeamDraft {
  return {
    ...{ name: team.name, description: team.description ?? '', network: team.network.mode },
    ...{ hosts: team.network.hosts.join('\n'), agents: team.agents.map(draftOfAgent) },
  };
}

function draftOfAgent(agent: Agent): AgentDraft {
  const { resources, env = {}, secrets = {}, permissions } = agent;
  return {
    ...{ key: ++lastKey, stored: agent, name: agent.name, role: agent.role, protocol: agent.protocol },
    ...{ preset: agent.preset ?? '', model: agent.model ?? '', image: agent.image ?? '' },
    ...{ command: writeCommand(agent.command ?? []), instructions: agent.instructions ?? '' },
    ...{ mode: agent.mode ?? '', permissions: typeof permissions === 'string' ? permissions : '' },
    ...{ cpus: resources?.cpus?.toString() ?? '', memory: resources?.memory ?? '' },
    pids: resources?.pids?.toString() ?? '',
    env: [
      ...Object.keys(env).map((name): VariableDraft => ({ name, state: 'kept', value: '', wasStored: true })),
      ...Object.entries(secrets).map(([name, value]): VariableDraft => {
        return { name, state: 'secret', value, wasStored: false };
      }),
    ],
  };
}

/** Another preset, with the variables that it needs to be filled in. */
export function withPreset(agent: AgentDraft, preset: Preset | undefined): AgentDraft {
  const needed = preset?.secrets.flatMap(([first]) => (first ? [first.name] : [])) ?? [];
  const hasOne = (name: string): boolean => {
    const group = preset?.secrets.find((one) => one.some((secret) => secret.name === name)) ?? [];
    return agent.env.some((variable) => group.some((secret) => secret.name === variable.name));
  };
  const missing = needed.filter((name) => !hasOne(name));
  const env = missing.map((name): VariableDraft => ({ name, state: 'set', value: '', wasStored: false }));
  const filled = agent.env.filter(({ name, value, wasStored }) => wasStored || name !== '' || value !== '');
  return { ...agent, preset: preset?.name ?? '', protocol: 'acp', image: '', env: [...filled, ...env] };
}

/** One argument a line, or JSON where an argument has lines of its own. */
export function writeCommand(args: readonly string[]): string {
  return args.some((arg) => /[\n\r]|^\[/.test(arg) || arg.trim() !== arg || arg === '')
    ? JSON.stringify(args)
    : args.join('\n');
}

export function readCommand(text: string): string[] {
  if (/^\s*\[/.test(text)) {
    try {
      const parsed: unknown = JSON.parse(text);
      if (Array.isArray(parsed) && parsed.every((arg) => typeof arg === 'string')) return parsed;
    } catch {
      // No JSON after all: a program whose name begins with a bracket.
    }
  }
  return linesOf(text);
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** What a new team is made with. */
export function bodyOf(draft: TeamDraft): TeamBody {
  const { name, description } = draft;
  const network = networkOf(draft);
  const agents = draft.agents.map((agent) => bodyOfAgent(agent) as TeamBody['agents'][number]);
  return { name, ...(description !== '' && { description }), network, agents };
}

/** What of a team was touched; of agents all are sent once one of them was. */
export function editOf(team: Team, draft: TeamDraft): TeamEdit {
  const before = draftOf(team);
  const hasOther = (field: 'name' | 'description'): boolean => draft[field] !== before[field];
  const hasOtherNetwork = draft.network !== before.network || draft.hosts !== before.hosts;
  return {
    ...(hasOther('name') && { name: draft.name }),
    ...(hasOther('description') && { description: draft.description === '' ? null : draft.description }),
    ...(hasOtherNetwork && { network: networkOf(draft) }),
    ...(JSON.stringify(keyless(draft)) !== JSON.stringify(keyless(before)) && {
      agents: draft.agents.map(bodyOfAgent),
    }),
  };
}

function keyless({ agents }: TeamDraft): unknown {
  return agents.map(({ key: _, ...agent }) => agent);
}

function networkOf({ network: mode, hosts }: TeamDraft) {
  return { mode, ...(mode === 'allowlist' && { hosts: linesOf(hosts) }) };
}

/** A field that is emptied is left out, which takes it away: an agent is replaced by what is sent, but for its variables. */
function bodyOfAgent(draft: AgentDraft): AgentBody {
  const { stored, name, role, protocol, preset, model, image, instructions, mode } = draft;
  const { env: _, ...rest } = stored ?? {};
  const fields: Record<string, unknown> = {
    ...{ ...rest, name, role, protocol, preset, model: preset === '' ? '' : model.trim(), image: image.trim() },
    ...{ command: readCommand(draft.command), instructions, mode, resources: resourcesOf(draft), env: envOf(draft) },
    ...{ secrets: secretsOf(draft) },
    ...(stored && stored.name !== name && { previousName: stored.name }),
  };
  // Rules, which the form does not show, stay.
  if (typeof stored?.permissions !== 'object' || draft.permissions !== '') fields['permissions'] = draft.permissions;
  for (const [field, value] of Object.entries(fields)) if (isEmpty(value)) delete fields[field];
  return fields as unknown as AgentBody;
}

function isEmpty(value: unknown): boolean {
  if (value === '' || value === undefined) return true;
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/** What is no number is sent as it was typed: the API says what is wrong with it. */
function resourcesOf({ cpus, memory, pids }: AgentDraft): Record<string, unknown> {
  const numberOf = (text: string): number | string => (Number.isNaN(Number(text)) ? text : Number(text));
  return {
    ...(cpus.trim() !== '' && { cpus: numberOf(cpus) }),
    ...(memory.trim() !== '' && { memory: memory.trim() }),
    ...(pids.trim() !== '' && { pids: numberOf(pids) }),
  };
}

function envOf({ env }: AgentDraft): Record<string, unknown> {
  const entries = env.flatMap(({ name, state, value, wasStored }): (readonly [string, unknown])[] => {
    if (name.trim() === '') return [];
    if (state === 'kept') return [[name, { isSet: true }]];
    if (state === 'deleted' || state === 'secret') return wasStored ? [[name, null]] : [];
    return [[name, value]];
  });
  return Object.fromEntries(entries);
}

function secretsOf({ env }: AgentDraft): Record<string, string> {
  const chosen = env.filter(({ name, state, value }) => state === 'secret' && name.trim() !== '' && value !== '');
  return Object.fromEntries(chosen.map(({ name, value }) => [name, value]));
}
