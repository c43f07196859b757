import { AppError } from '@crewtab/domain/errors';
import type { AgentSpec, DeploymentSpec, NetworkEndpoint } from '@crewtab/domain/ports/runtime';
import { parseMemorySize } from '@crewtab/domain/teams/team';
import type Docker from 'dockerode';
import type { TarEntry } from './containers';
import { NETWORK_DIR, TOOLS_DIR, WORKSPACE_DIR, type DockerSettings } from '../docker-options';
import { FORWARDER_PROGRAM, forwardedCommand, proxyEnvironment } from '@crewtab/agent-guard/forwarder';
import {
  CONFINE_PROGRAM,
  guardedCommand,
  GUARD_ENVIRONMENT,
  GUARD_FOLDER,
  GUARD_PROGRAM,
  readGuardProgram,
} from '@crewtab/agent-guard/guard-records';
import { keptName } from '../resources/kept-volumes';
import { LABELS, runLabels, WORKSPACE_SUFFIX } from '../resources/run-resources';
import { ownVolumes, tmpfsOf } from './writable-places';
import { networkModeOf } from '../resources/networks';
import type { EngineClient } from '../engine/engine-client';

/** What must be known of an image before a container is made of it. */
export interface ImageFacts {
  readonly imageId: string;
  /** Entry point and command of the image, in exec form; empty where it has none. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly user: AgentUser;
  /** Path of a `timeout` program inside; null where there is none. */
  readonly timeoutPath: string | null;
  readonly hasTmp: boolean;
  /** A working directory that its user may write to: a new volume mounted there takes over owner and mode. */
  readonly hasWorkspace: boolean;
}

/** Who an agent is inside its container. */
export interface AgentUser {
  /** For the engine's `User`; null = as the image says. */
  readonly runAs: string | null;
  readonly uid: number;
  readonly gid: number;
  /** A home to make and to name in HOME; null where the image has a usable one. */
  readonly madeHome: string | null;
  /** Where HOME leads, unless the agent is given another; empty where the image does not say. */
  readonly home: string;
}

export function containerName(deployment: DeploymentSpec, agent: AgentSpec): string {
  return `${deployment.name}-${agent.name}`;
}

export function workspaceName({ name, keptWorkspace }: DeploymentSpec): string {
  return keptWorkspace ? keptName(keptWorkspace) : `${name}${WORKSPACE_SUFFIX}`;
}

/** Each image of the team once. */
export function imagesOf({ agents }: DeploymentSpec): string[] {
  return [...new Set(agents.flatMap(({ image }) => (image === null ? [] : [image])))];
}

/** What the container's main process is: the agent's command, or the image's own. */
export function commandOf(agent: AgentSpec, facts: ImageFacts): readonly string[] {
  return agent.command && agent.command.length > 0 ? agent.command : facts.command;
}

/**
 * How the main process is started. `limited`: under the guard, or else, where the image has it, under `timeout`, which end it
 * after so many seconds; above `timeout` is `confine` or, where a build has none, the engine's init. `bare`: as it is, for a program that seems not to be
 * there: then the engine says in its own words what it misses, where the others would only end with an exit code.
 */
export type Launch =
  | { readonly kind: 'limited'; readonly endsAfterSeconds: number; readonly under: 'guard' | 'confine' | null }
  | { readonly kind: 'bare' };

type ContainerSettings = Pick<
  DockerSettings,
  'defaultResources' | 'egressNetwork' | 'outputLimitBytes' | 'isRootWritable' | 'tmpBytes'
>;

/** The create call of one agent's container. */
export function containerSpec(
  deployment: DeploymentSpec,
  agent: AgentSpec,
  facts: ImageFacts,
  settings: ContainerSettings,
  launch: Launch,
): Docker.ContainerCreateOptions {
  const { network } = deployment;
  const limited = argvOf(commandOf(agent, facts), facts, launch, settings);
  const isForwarded = network.kind === 'allowlist' && launch.kind === 'limited' && limited.length > 0;
  const argv = isForwarded ? forwardedCommand(limited, NETWORK_DIR, network) : limited;
  return {
    name: containerName(deployment, agent),
    Image: agent.image ?? '',
    ...(argv.length > 0 ? { Entrypoint: argv.slice(0, 1), Cmd: argv.slice(1) } : {}),
    Env: pairsOf(environment(deployment, agent, facts, hiddenVariables(agent, launch))),
    Labels: { ...runLabels(deployment), [LABELS.agent]: agent.name },
    WorkingDir: WORKSPACE_DIR,
    ...(facts.user.runAs === null ? {} : { User: facts.user.runAs }),
    // What the guard takes for an order to end; an image's own signal may be any.
    ...(launch.kind === 'limited' && launch.under === 'guard' ? { StopSignal: 'SIGTERM' } : {}),
    Tty: false,
    OpenStdin: true,
    StdinOnce: agent.stdin === 'once',
    AttachStdin: true,
    AttachStdout: false,
    AttachStderr: false,
    HostConfig: hostConfig(deployment, agent, facts, settings, launch),
  };
}

function argvOf(
  command: readonly string[],
  facts: ImageFacts,
  launch: Launch,
  { outputLimitBytes }: ContainerSettings,
): string[] {
  if (launch.kind === 'bare' || command.length === 0) return [...command];
  const { endsAfterSeconds, under } = launch;
  if (under === 'guard') return guardedCommand(command, { endsAfterSeconds, mostBytes: KEPT_TIMES * outputLimitBytes });
  const first = under === 'confine' ? [CONFINE_PROGRAM] : [];
  const timeout = facts.timeoutPath === null ? [] : [facts.timeoutPath, '-s', 'KILL', String(endsAfterSeconds)];
  return [...first, ...timeout, ...command];
}

/** How many times the limit of an agent's output its guard keeps, whose records are longer than what they say. */
const KEPT_TIMES = 4;
/** The same for the engine's log, which adds a time and a name to each record: the wall for what nobody reads. */
const LOG_TIMES = 8;

function hostConfig(
  deployment: DeploymentSpec,
  agent: AgentSpec,
  facts: ImageFacts,
  settings: ContainerSettings,
  launch: Launch,
): Docker.HostConfig {
  const { defaultResources: defaults, outputLimitBytes } = settings;
  const memory = parseMemorySize(agent.resources.memory ?? defaults.memory);
  if (!memory.ok) throw new AppError('create_failed', `memory of agent "${agent.name}": ${memory.message}`);
  return {
    // Otherwise the first process is ours, which a signal from inside does not end.
    Init: launch.kind === 'limited' && launch.under === null,
    // json-file, since the driver `local` eats newlines after long lines. Beyond the size it begins again and loses what was
    // there: by then the run has had too much output, or its guard has ended the agent.
    LogConfig: { Type: 'json-file', Config: { 'max-size': `${LOG_TIMES * outputLimitBytes}b` } },
    NetworkMode: networkModeOf(deployment, settings.egressNetwork),
    ...(settings.isRootWritable ? {} : { ReadonlyRootfs: true, Tmpfs: tmpfsOf(memory.bytes, settings.tmpBytes) }),
    Mounts: [
      ...mounts(deployment, agent),
      ...(settings.isRootWritable ? [] : ownVolumes(deployment, agent, facts.user.home)),
    ],
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges'],
    Memory: memory.bytes,
    // No swap beside it: an agent over its limit is killed at once instead of slowing the host.
    MemorySwap: memory.bytes,
    NanoCpus: Math.round((agent.resources.cpus ?? defaults.cpus) * 1e9),
    PidsLimit: agent.resources.pids ?? defaults.pids,
    RestartPolicy: { Name: 'no' },
  };
}

export function workspaceMount(deployment: DeploymentSpec): Docker.MountSettings {
  return { Type: 'volume', Source: workspaceName(deployment), Target: WORKSPACE_DIR };
}

function mounts(deployment: DeploymentSpec, agent: AgentSpec): Docker.MountSettings[] {
  const { network } = deployment;
  const mounts: Docker.MountSettings[] = [workspaceMount(deployment)];
  // To connect to a socket takes the right to write to it, and not to the mount.
  if (agent.tools !== null)
    mounts.push({ Type: 'bind', Source: agent.tools.hostFolder, Target: TOOLS_DIR, ReadOnly: true });
  if (network.kind === 'allowlist')
    mounts.push({
      Type: 'bind',
      Source: network.agentFolders?.[agent.name] ?? network.hostFolder,
      Target: NETWORK_DIR,
      ReadOnly: true,
    });
  return mounts;
}

/** What the agent was given has the last word. */
function environment(
  { network }: DeploymentSpec,
  agent: AgentSpec,
  facts: ImageFacts,
  hidden: ReadonlySet<string>,
): Record<string, string> {
  const { madeHome } = facts.user;
  const given = Object.entries(agent.env).filter(([name]) => !hidden.has(name));
  return {
    ...(network.kind === 'allowlist' ? proxyEnvironment() : {}),
    ...(madeHome === null ? {} : { HOME: madeHome }),
    ...Object.fromEntries(given),
  };
}

/** What the engine knows it shows to whoever may inspect the container. Without a guard there is no other way. */
function hiddenVariables({ secretVariables = [] }: AgentSpec, launch: Launch): ReadonlySet<string> {
  return new Set(launch.kind === 'limited' && launch.under === 'guard' ? secretVariables : []);
}

function pairsOf(variables: Readonly<Record<string, string>>): string[] {
  return Object.entries(variables).map(([name, value]) => `${name}=${value}`);
}

/** What the guard gives to the program in the engine's place, and removes. */
function guardFiles({ env, secretVariables = [] }: AgentSpec, { user: { uid, gid } }: ImageFacts): TarEntry[] {
  if (secretVariables.length === 0) return [];
  const text = secretVariables.map((name) => `${name}=${env[name] ?? ''}\0`).join('');
  return [{ path: GUARD_ENVIRONMENT, mode: 0o400, uid, gid, content: Buffer.from(text, 'utf8') }];
}

/** The workspace as it must be where an image does not bring it: writable for every member, whatever its user. */
export function workspaceEntry({ user: { uid, gid } }: ImageFacts): TarEntry {
  return { path: WORKSPACE_DIR, mode: 0o777, uid, gid, content: null };
}

/** What is put into the container before its start: our programs, and places of its own to write to. */
export function containerFiles(agent: AgentSpec, facts: ImageFacts, programs: OurPrograms): TarEntry[] {
  const { uid, gid, madeHome } = facts.user;
  const own = { uid, gid };
  return [
    ...programFiles(programs, facts),
    ...(programs.guard === null ? [] : guardFiles(agent, facts)),
    ...(facts.hasTmp ? [] : [{ path: '/tmp', mode: 0o1777, uid: 0, gid: 0, content: null }]),
    ...(madeHome === null ? [] : [{ path: madeHome, mode: 0o755, ...own, content: null }]),
    ...homeFiles(agent, facts),
  ];
}

/** With the folders on their way, which belong to the agent as all of its home does. */
function homeFiles({ files = [], env }: AgentSpec, { user: { uid, gid, home } }: ImageFacts): TarEntry[] {
  const root = env.HOME ?? home;
  const folders = new Set(files.flatMap(({ path }) => parentsOf(path)));
  return [
    ...[...folders].map((path) => ({ path: `${root}/${path}`, mode: 0o755, uid, gid, content: null })),
    ...files.map(({ path, content }) => ({
      path: `${root}/${path}`,
      mode: 0o644,
      uid,
      gid,
      content: Buffer.from(content, 'utf8'),
    })),
  ];
}

function parentsOf(path: string): string[] {
  const names = path.split('/').slice(0, -1);
  return names.map((_, index) => names.slice(0, index + 1).join('/'));
}

export function machineNow(): Date {
  return new Date();
}

/** Seconds from now until a container should end by itself; at least one. */
export function deadlineSeconds(deadlineAt: Date, now: Date, graceMs: number): number {
  return Math.max(1, Math.ceil((deadlineAt.getTime() - now.getTime() + graceMs) / 1000));
}

/** Of a PATH that names more folders than that, nothing is asked: each is a call of the engine. */
const MOST_CANDIDATES = 64;

/**
 * Places where the engine would look for the program, in order; relative ones start at the working directory. Null where
 * there are too many to ask for.
 */
export function programCandidates(program: string, agent: AgentSpec, facts: ImageFacts): string[] | null {
  if (program.startsWith('/')) return [program];
  if (program.includes('/')) return [`${WORKSPACE_DIR}/${program}`];
  const path = agent.env.PATH ?? facts.env.PATH ?? DEFAULT_PATH;
  const folders = [...new Set(path.split(':'))];
  if (folders.length > MOST_CANDIDATES) return null;
  return folders.map((folder) => `${folder === '' ? WORKSPACE_DIR : folder}/${program}`);
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Those that a container is to have; null where it has none. */
export interface OurPrograms {
  readonly guard: Buffer | null;
  readonly confine: Buffer | null;
  readonly forwarder: Buffer | null;
}

interface BuiltPrograms extends OurPrograms {
  readonly holder: Buffer | null;
  /** As the engine names it. */
  readonly architecture: string;
}

/**
 * The programs of images/guard as they are needed on one engine: the guard, which runs an agent, keeps its output in a file of
 * its container, and ends it at its deadline; `confine` for what runs without it; the forwarder, which leads out of a container
 * without a network; and the holder of a workspace in memory.
 */
export class GuardPrograms {
  private found: Promise<BuiltPrograms> | null = null;

  /** @param folder with `guard-<architecture>` files; null where no container is to have one */
  constructor(
    private readonly engine: EngineClient,
    private readonly folder: string | null,
  ) {}

  /** For the engine's architecture; null where the build has none for it. */
  async guard(): Promise<Buffer | null> {
    return (await this.all()).guard;
  }

  /** As above. */
  async confine(): Promise<Buffer | null> {
    return (await this.all()).confine;
  }

  /** What holds a workspace in memory. @throws `guard_missing` where the build has none for the engine */
  async holder(): Promise<Buffer> {
    const { holder, architecture } = await this.all();
    if (holder === null) throw new AppError('guard_missing', missing('a workspace in memory needs', architecture));
    return holder;
  }

  /** The forwarder where the network needs it. @throws `guard_missing` where the build has none for the engine */
  async forwarderFor({ kind }: NetworkEndpoint): Promise<Buffer | null> {
    if (kind !== 'allowlist') return null;
    const { forwarder, architecture } = await this.all();
    if (forwarder === null)
      throw new AppError('guard_missing', missing('agents that reach listed hosts only need', architecture));
    return forwarder;
  }

  private all(): NonNullable<typeof this.found> {
    this.found ??= this.find().catch((error: unknown) => {
      this.found = null;
      throw error;
    });
    return this.found;
  }

  private async find(): NonNullable<typeof this.found> {
    const { folder } = this;
    const { Os: os, Arch: architecture } = await this.engine.read('version', () => this.engine.docker.version());
    if (folder === null || os !== 'linux')
      return { guard: null, confine: null, forwarder: null, holder: null, architecture: `${os} ${architecture}` };
    const [guard = null, confine = null, forwarder = null, holder = null] = await Promise.all(
      (['guard', 'confine', 'forwarder', 'holder'] as const).map((name) =>
        readGuardProgram(folder, name, architecture),
      ),
    );
    return { guard, confine, forwarder, holder, architecture };
  }
}

function missing(what: string, architecture: string): string {
  return (
    `${what} a program that this build lacks for the engine's architecture (${architecture}): ` +
    'install a C compiler (Debian: apt-get install musl-tools) and run `npm run build` on such a machine, or use the published image'
  );
}

/** In a folder where the guard can keep what it is told. */
function programFiles({ guard, confine, forwarder }: OurPrograms, { user: { uid, gid } }: ImageFacts): TarEntry[] {
  const program = (path: string, content: Buffer): TarEntry => ({ path, mode: 0o755, uid: 0, gid: 0, content });
  const programs = [
    ...(guard === null ? [] : [program(GUARD_PROGRAM, guard)]),
    ...(confine === null ? [] : [program(CONFINE_PROGRAM, confine)]),
    ...(forwarder === null ? [] : [program(FORWARDER_PROGRAM, forwarder)]),
  ];
  // An image whose user is not the one that we took it for must be able to start the programs at least.
  return programs.length === 0 ? [] : [{ path: GUARD_FOLDER, mode: 0o711, uid, gid, content: null }, ...programs];
}

export function isGuarded({ Path: program, Args: words }: Docker.ContainerInspectInfo): boolean {
  return program === GUARD_PROGRAM || (program === FORWARDER_PROGRAM && words.includes(GUARD_PROGRAM));
}

/** Not root: Claude Code, for one, refuses its unattended mode to root. */
const AGENT_UID = 1000;
const MADE_HOME = '/home/agent';

const LARGEST_ID = 2 ** 31 - 1;

interface PasswdEntry {
  readonly name: string;
  /** Null for what is no plain number. */
  readonly uid: number | null;
  readonly gid: number | null;
  readonly home: string;
}

/**
 * An image keeps the user that it names where that is plainly not root. All others run as 1000:1000, in the home of that
 * user where the image has one, otherwise in one that is made. Engines read generously: `+0` and `00` are 0 to them, and
 * so is a uid in /etc/passwd that is no number. What is not certain here therefore counts as root.
 * @param declared the image's `User`: empty, `name`, `uid`, `name:group` or `uid:gid`
 * @param passwd the image's /etc/passwd; empty where it has none that could be read
 */
export function chooseUser(declared: string, passwd: string, homeVariable: string | null): AgentUser {
  const entries = parsePasswd(passwd);
  const [name = '', group = ''] = declared.split(':');
  const own = certainUser(name, entries);
  const homeOf = (wanted: number): string => entries.find(({ uid }) => uid === wanted)?.home ?? '';
  if (own)
    return {
      runAs: null,
      uid: own.uid,
      gid: toId(group) ?? own.gid,
      madeHome: null,
      home: homeVariable ?? homeOf(own.uid),
    };
  const home = homeOf(AGENT_UID);
  const isUsable = (path: string): boolean => path !== '' && path !== '/' && path !== '/root';
  const hasHome = homeVariable === null ? isUsable(home) : isUsable(homeVariable);
  const madeHome = hasHome ? null : MADE_HOME;
  const ids = { runAs: `${AGENT_UID}:${AGENT_UID}`, uid: AGENT_UID, gid: AGENT_UID };
  return { ...ids, madeHome, home: madeHome ?? homeVariable ?? home };
}

/** The user by that name or number; null unless every way of reading the image comes to the same one, which is not root. */
function certainUser(name: string, entries: readonly PasswdEntry[]): { uid: number; gid: number } | null {
  const number = toId(name);
  const named = entries.filter((entry) => entry.name === name);
  if (number !== null && number > 0 && named.length === 0)
    return { uid: number, gid: entries.find(({ uid }) => uid === number)?.gid ?? 0 };
  const [first] = named;
  // What begins otherwise may be a number to others.
  if (!/^[A-Za-z_]/.test(name) || !first || !named.every(({ uid }) => uid === first.uid)) return null;
  return first.uid === null || first.uid === 0 ? null : { uid: first.uid, gid: first.gid ?? 0 };
}

/** Whether the user may create files in a directory with that owner and mode. */
export function mayWrite(
  user: AgentUser,
  directory: { readonly uid: number; readonly gid: number; readonly mode: number },
): boolean {
  if (directory.uid === user.uid) return (directory.mode & 0o300) === 0o300;
  if (directory.gid === user.gid) return (directory.mode & 0o030) === 0o030;
  return (directory.mode & 0o003) === 0o003;
}

/** Lines are taken as engines take them: without the blanks around them, however little they have. */
function parsePasswd(passwd: string): PasswdEntry[] {
  return passwd.split('\n').map((line) => {
    const [name = '', , uid = '', gid = '', , home = ''] = line.trim().split(':');
    return { name: name.trim(), uid: toId(uid), gid: toId(gid), home };
  });
}

/** Only as every reader understands it: no sign, no leading zero, no more than a uid can be. */
function toId(text: string): number | null {
  return /^(0|[1-9]\d{0,9})$/.test(text) && Number(text) <= LARGEST_ID ? Number(text) : null;
}
