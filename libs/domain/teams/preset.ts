import { isLoopback } from './mcp-servers';
import type { TeamNetwork } from './network';
import type { Agent } from './team';

/**
 * What is known of an agent program: how it runs unattended, what it needs, where it reads. Data: made from a file under
 * images/presets or in an operator's folder. A run keeps the presets that it began with.
 */
export interface Preset {
  /** `claude-code`: what an agent's `preset` says. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** An image of a registry, or one that Crewtab builds from the preset's folder, whose digest is in its tag. */
  readonly image: string;
  /** Of the program in the image, and on the PATH under a runtime without images. It speaks ACP. */
  readonly command: readonly string[];
  /** The session mode in which it never asks; null: it has none, or needs none. */
  readonly mode: string | null;
  /** How it is made to ask for permission; null: it cannot be, so that `permissions` other than `allow` mean nothing. */
  readonly asking: { readonly mode: string | null; readonly environment: PresetEnvironment } | null;
  readonly model: {
    readonly isRequired: boolean;
    readonly default: string | null;
    readonly examples: readonly string[];
  };
  /** The variable of an agent that names another address of the API, and the one without it. */
  readonly baseUrl: { readonly variable: string; readonly default: string | null } | null;
  /** Each group needs one of its variables. */
  readonly secrets: readonly (readonly PresetSecret[])[];
  readonly environment: PresetEnvironment;
  /** Files of the agent's HOME. */
  readonly files: readonly HomeFile[];
  /** Reached whatever the secrets, as patterns of an allow-list. */
  readonly hosts: readonly string[];
  /** The file in HOME that it takes its instructions from; null: they stand before the first prompt. */
  readonly instructions: string | null;
  /** From its start to its answered handshake, ms; null: the worker's setting. */
  readonly handshakeTimeoutMs: number | null;
  /** Without any output while it has a task, ms; null or absent (in runs of older versions): it may be silent for ever. */
  readonly idleTimeoutMs?: number | null;
  readonly usage: UsageRule;
}

/** The repository of images that Crewtab makes for presets, each under the preset's name. */
const MADE_IMAGES = 'crewtab-preset/';

export function madeImage(preset: string, tag: string): string {
  return `${MADE_IMAGES}${preset}:${tag}`;
}

/** False for an image of a registry. */
export function isMadeImage({ image }: Pick<Preset, 'image'>): boolean {
  return image.startsWith(MADE_IMAGES);
}

export interface PresetSecret {
  /** Of the variable. */
  readonly name: string;
  /** Where to get one. */
  readonly description: string;
  /** What stands before the slash of the models that it opens; absent: it opens all of them. */
  readonly provider?: string | undefined;
  /** Of the API that it opens; not joined where the agent names another address. */
  readonly hosts: readonly string[];
}

export interface HomeFile {
  /** Relative to HOME, without `..`. */
  readonly path: string;
  readonly content: string;
}

/**
 * Variables by name; an object becomes its JSON. `{{model}}`, `{{provider}}` (what stands before the first slash of the
 * model), `{{baseUrl}}` and `{{env.NAME}}` (a variable of the agent) stand for their values. A text with one that has no
 * value is left out, and so is an object that has nothing left in it.
 */
export type PresetEnvironment = Readonly<Record<string, PresetValue>>;
export type PresetValue = string | number | boolean | { readonly [key: string]: PresetValue };

/**
 * Where the program reports what it used. Tokens: `response` in the `usage` of each turn's end, `model_usage` and
 * `token_count` in its `_meta.quota`. Cost: `update` in its usage updates, as a sum since the session began. Null: nowhere
 * that can be relied on, which makes it unknown.
 */
export interface UsageRule {
  readonly tokens: 'response' | 'model_usage' | 'token_count' | null;
  readonly cost: 'update' | null;
}

/** What a preset adds to the agent that a run's plan has. */
export interface AgentProgram {
  readonly image: string;
  /** False where the agent names another one, which the operator's policy is asked about. */
  readonly isImageOfPreset: boolean;
  readonly command: readonly string[];
  readonly mode?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly files: readonly HomeFile[];
  /** Patterns that join the team's allow-list. */
  readonly hosts: readonly string[];
  /** The agent finds its instructions in one of `files`, and is not told them again. */
  readonly areInstructionsInFile: boolean;
  readonly handshakeTimeoutMs?: number;
  readonly idleTimeoutMs?: number;
  readonly usage: UsageRule;
}

export interface PresetFault {
  readonly path: readonly string[];
  readonly message: string;
}

type PresetAgent = Pick<Agent, 'model' | 'permissions' | 'instructions' | 'mode' | 'image' | 'command' | 'secrets'> & {
  readonly env?: Readonly<Record<string, unknown>>;
};

/** What keeps an agent from running with its preset, by field. `env` may have anything for values: only names count. */
export function findPresetFaults(agent: PresetAgent, preset: Preset): PresetFault[] {
  const { model, permissions } = agent;
  const faults: PresetFault[] = [];
  for (const group of lackingSecrets(agent, preset)) {
    const names = group.map(({ name }) => name).join(' or ');
    const where = group[0]?.description ?? '';
    const what = group.some(({ provider }) => provider !== undefined && provider === providerOf(model, preset))
      ? `${preset.name} with the model ${model ?? preset.model.default ?? ''}`
      : preset.name;
    faults.push({ path: ['env'], message: `needs ${names}, which ${what} cannot work without: ${where}` });
  }
  if (model === undefined && preset.model.default === null && preset.model.isRequired) {
    const examples = preset.model.examples.join(', ');
    faults.push({
      path: ['model'],
      message: `is required: ${preset.name} has no model of its own, such as ${examples}`,
    });
  }
  if (isAsked(permissions) && preset.asking === null)
    faults.push({ path: ['permissions'], message: `must be allow: ${preset.name} never asks for a permission` });
  return faults;
}

/**
 * Groups of secrets of which the agent has none, each with those that would do. Where the model has a provider that the preset
 * knows, that is a key of this provider: a program may take the prompt without it, and hang.
 */
export function lackingSecrets(
  { model, env = {}, secrets = {} }: Pick<PresetAgent, 'model' | 'env' | 'secrets'>,
  preset: Preset,
): PresetSecret[][] {
  const wanted = providerOf(model, preset);
  return preset.secrets.flatMap((group) => {
    const isKnown = group.some(({ provider }) => provider !== undefined && provider === wanted);
    const fitting = isKnown ? group.filter(({ provider }) => provider === undefined || provider === wanted) : group;
    return fitting.some(({ name }) => name in env || name in secrets) ? [] : [[...fitting]];
  });
}

function providerOf(model: string | undefined, preset: Preset): string | undefined {
  const named = model ?? preset.model.default ?? undefined;
  return typeof named === 'string' && named.includes('/') ? named.split('/')[0] : undefined;
}

/**
 * The API that the program of a team without a network could not reach; null: none, or its address is not known. As in
 * an edit, null in `env` is a variable that goes, and an object one that is kept.
 */
export function findUnreachableApi(
  network: TeamNetwork,
  env: Readonly<Record<string, unknown>>,
  preset: Preset,
): PresetFault | null {
  if (network.mode !== 'none') return null;
  const own = preset.baseUrl === null ? undefined : env[preset.baseUrl.variable];
  if (typeof own === 'object' && own !== null) return null;
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== null));
  const hosts = hostsOf(set, preset, typeof own === 'string' ? own : null).filter(
    (host) => !isLoopback(host.replace(/:\d+$/, '')),
  );
  if (hosts.length === 0) return null;
  const message = `must reach ${hosts.join(', ')}, and the team's network is none: make it allowlist, which lets the agent reach that and no more`;
  return { path: ['preset'], message };
}

/** Fields of the agent itself win over those of its preset. */
export function applyPreset(agent: Agent, preset: Preset): AgentProgram {
  const own = agent.env ?? {};
  const asking = isAsked(agent.permissions) || agent.permissionRules ? preset.asking : null;
  const handshakeTimeoutMs = agent.handshakeTimeoutMs ?? preset.handshakeTimeoutMs;
  const idleTimeoutMs = agent.idleTimeoutMs ?? preset.idleTimeoutMs ?? null;
  const mode = agent.mode ?? (asking ? asking.mode : preset.mode);
  const baseUrl = preset.baseUrl === null ? null : (own[preset.baseUrl.variable] ?? preset.baseUrl.default);
  const values = valuesOf(agent, preset, baseUrl);
  const { instructions } = agent;
  const isInFile = preset.instructions !== null && instructions !== undefined;
  const instructionFile = isInFile ? [{ path: preset.instructions ?? '', content: instructions }] : [];
  return {
    image: agent.image ?? preset.image,
    isImageOfPreset: agent.image === undefined,
    command: agent.command ?? preset.command,
    ...(mode !== null && { mode }),
    env: { ...render({ ...preset.environment, ...asking?.environment }, values), ...own },
    files: [...preset.files, ...instructionFile],
    hosts: hostsOf(own, preset, baseUrl),
    areInstructionsInFile: isInFile,
    ...(handshakeTimeoutMs !== null && { handshakeTimeoutMs }),
    ...(idleTimeoutMs !== null && { idleTimeoutMs }),
    usage: preset.usage,
  };
}

function isAsked(permissions: Agent['permissions']): boolean {
  return permissions !== undefined && permissions !== 'allow';
}

function hostsOf(env: Readonly<Record<string, unknown>>, preset: Preset, baseUrl: string | null): string[] {
  const { baseUrl: address, secrets, hosts } = preset;
  const isElsewhere = address !== null && env[address.variable] !== undefined;
  const ofSecrets = secrets.flat().flatMap((secret) => (secret.name in env ? secret.hosts : []));
  const apis = isElsewhere ? hostOfUrl(baseUrl) : ofSecrets;
  return [...new Set([...apis, ...hosts])];
}

function hostOfUrl(url: string | null): string[] {
  const [, host, port] = /^https?:\/\/(?:[^/@]*@)?(\[[^\]]+\]|[^/:?#]+)(?::(\d+))?/i.exec(url ?? '') ?? [];
  if (host === undefined) return [];
  return [port === undefined ? host : `${host}:${port}`];
}

type Values = (name: string) => string | undefined;

function valuesOf(agent: Agent, preset: Preset, baseUrl: string | null): Values {
  const model = agent.model ?? preset.model.default ?? undefined;
  const known: Readonly<Record<string, string | undefined>> = {
    model,
    provider: providerOf(agent.model, preset),
    baseUrl: baseUrl ?? undefined,
  };
  return (name) => (name.startsWith('env.') ? agent.env?.[name.slice('env.'.length)] : known[name]);
}

function render(environment: PresetEnvironment, values: Values): Record<string, string> {
  const entries = Object.entries(environment).flatMap(([name, value]): [string, string][] => {
    const filled = fill(value, values);
    if (filled === undefined) return [];
    return [[name, typeof filled === 'object' ? JSON.stringify(filled) : String(filled)]];
  });
  return Object.fromEntries(entries);
}

function fill(value: PresetValue, values: Values): PresetValue | undefined {
  if (typeof value === 'string') return fillText(value, values);
  if (typeof value !== 'object') return value;
  const entries = Object.entries(value).flatMap(([key, inner]): [string, PresetValue][] => {
    const name = fillText(key, values);
    const filled = fill(inner, values);
    return name === undefined || filled === undefined ? [] : [[name, filled]];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

export const PLACEHOLDER = /\{\{(model|provider|baseUrl|env\.[A-Za-z_][A-Za-z0-9_]*)\}\}/g;

function fillText(text: string, values: Values): string | undefined {
  let isWhole = true;
  const filled = text.replace(PLACEHOLDER, (_, name: string) => {
    const value = values(name);
    isWhole &&= value !== undefined;
    return value ?? '';
  });
  return isWhole ? filled : undefined;
}
