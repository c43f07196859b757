import type { BodyOf } from '@crewtab/api-client/route-types';
import type { Preset, Team } from '../../api/client';
import { linesOf, readCommand, writeCommand } from './command-text';
import { bodyOfConduct, conductOf, type ConductDraft } from './conduct-draft';
import { bodyOfServer, serverDraftOf, type ServerDraft } from './server-draft';
import { secretsOf, valuesOf, variablesOf, type VariableDraft } from './variable-draft';
import { bodyOfWorkspace, workspaceDraftOf, type WorkspaceDraft } from './workspace-draft';

type Agent = Team['agents'][number];
export type TeamBody = BodyOf<'POST /teams'>;
type TeamEdit = BodyOf<'PATCH /teams/:id'>;
type AgentBody = NonNullable<TeamEdit['agents']>[number];

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
  readonly conduct: ConductDraft;
  readonly cpus: string;
  readonly memory: string;
  readonly pids: string;
  readonly env: readonly VariableDraft[];
  readonly servers: readonly ServerDraft[];
}

export interface TeamDraft {
  readonly name: string;
  readonly description: string;
  readonly network: Team['network']['mode'];
  /** One a line. */
  readonly hosts: string;
  readonly workspace: WorkspaceDraft;
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
    ...{ mode: '', conduct: conductOf(null), cpus: '', memory: '', pids: '', env: [], servers: [] },
  };
}

export function newTeam(network: Team['network']['mode']): TeamDraft {
  const workspace = workspaceDraftOf(null);
  return { name: '', description: '', network, hosts: '', workspace, agents: [newAgent('leader', 'lead')] };
}

export function draftOf(team: Team): TeamDraft {
  return {
    ...{ name: team.name, description: team.description ?? '', network: team.network.mode },
    ...{ hosts: team.network.hosts.join('\n'), workspace: workspaceDraftOf(team.workspace) },
    ...{ agents: team.agents.map(draftOfAgent) },
  };
}

function draftOfAgent(agent: Agent): AgentDraft {
  const { resources, env = {}, secrets, mcpServers = [] } = agent;
  return {
    ...{ key: ++lastKey, stored: agent, name: agent.name, role: agent.role, protocol: agent.protocol },
    ...{ preset: agent.preset ?? '', model: agent.model ?? '', image: agent.image ?? '' },
    ...{ command: writeCommand(agent.command ?? []), instructions: agent.instructions ?? '' },
    ...{ mode: agent.mode ?? '', conduct: conductOf(agent) },
    ...{ cpus: resources?.cpus?.toString() ?? '', memory: resources?.memory ?? '' },
    pids: resources?.pids?.toString() ?? '',
    env: variablesOf(env, secrets),
    servers: mcpServers.map(serverDraftOf),
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

/** What a new team is made with. */
export function bodyOf(draft: TeamDraft): TeamBody {
  const { name, description } = draft;
  const network = networkOf(draft);
  const agents = draft.agents.map((agent) => bodyOfAgent(agent) as TeamBody['agents'][number]);
  const workspace = bodyOfWorkspace(draft.workspace);
  return { name, ...(description !== '' && { description }), network, ...(workspace && { workspace }), agents };
}

/** What of a team was touched; of agents all are sent once one of them was. */
export function editOf(team: Team, draft: TeamDraft): TeamEdit {
  const before = draftOf(team);
  const hasOther = (field: 'name' | 'description'): boolean => draft[field] !== before[field];
  const hasOtherNetwork = draft.network !== before.network || draft.hosts !== before.hosts;
  const hasOtherWorkspace = JSON.stringify(draft.workspace) !== JSON.stringify(before.workspace);
  return {
    ...(hasOther('name') && { name: draft.name }),
    ...(hasOther('description') && { description: draft.description === '' ? null : draft.description }),
    ...(hasOtherNetwork && { network: networkOf(draft) }),
    ...(hasOtherWorkspace && { workspace: bodyOfWorkspace(draft.workspace) }),
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
  // Fields that the form does not know stay; its own are as the person left them.
  const { env: _, ...rest } = stored ?? {};
  const fields: Record<string, unknown> = {
    ...{ ...rest, name, role, protocol, preset, model: preset === '' ? '' : model.trim(), image: image.trim() },
    ...{
      command: readCommand(draft.command),
      instructions,
      mode,
      resources: resourcesOf(draft),
      env: valuesOf(draft.env),
    },
    ...{ secrets: secretsOf(draft.env), mcpServers: draft.servers.map(bodyOfServer), ...bodyOfConduct(draft.conduct) },
    ...(stored && stored.name !== name && { previousName: stored.name }),
  };
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
