import { posix } from 'node:path';
import { forwardedCommand, PROXY_PORT, proxyEnvironment } from '@crewtab/agent-guard/forwarder';
import { GUARD_FOLDER } from '@crewtab/agent-guard/guard-records';
import { AppError } from '@crewtab/domain/errors';
import type { AgentSpec, DeploymentSpec, NetworkEndpoint } from '@crewtab/domain/ports/runtime';
import type { ConfigMap, Container, NetworkPolicy, OwnerReference, Pod } from '../cluster/api-objects';
import { memoryBytes, type KubernetesSettings } from '../kubernetes-options';
import { KEEPER, LABELS, runMetadata } from '../run-labels';

/** The shared workspace and working directory of every agent. */
export const WORKSPACE_DIR = '/workspace';
/** Where an agent sees the folder of its tools. */
export const TOOLS_DIR = '/run/crewtab';
/** Where it sees the folder of its way out to listed hosts. */
const NETWORK_DIR = '/run/crewtab-network';
/** Where every container sees our programs. */
const PROGRAMS = '/.crewtab-programs';
/** What an agent is given at its start, in memory: images/guard/launcher.c empties it. */
const GIVEN = '/.crewtab-given';
/** Where the keeper sees what the agents have, each in a folder of its name. */
const AGENTS = '/agents';
export const KEEPER_PROGRAM = `${PROGRAMS}/keeper`;

const AGENT_UID = 1000;
const MADE_HOME = '/home/agent';
/** Of the cores that an agent may use, how many a node must have left for it: most of its time it waits for its model. */
const CPU_REQUEST_SHARE = 0.1;
const LEAST_MILLICORES = 10;
/** How many times the limit of an agent's output its guard keeps, whose records are longer than what they say. */
const KEPT_TIMES = 4;
const MEBIBYTE = 1024 ** 2;
/** Beside the guard's file: what waits in images/guard/keeper.c for an agent that does not read. */
const INPUT_BYTES = 256 * MEBIBYTE;
const GIVEN_BYTES = 32 * MEBIBYTE;
/** Of a folder of sockets, and perhaps a program. */
const TOOLS_BYTES = 16 * MEBIBYTE;
/** Of the keeper; and for each agent with a way out, whose connections it carries in windows (images/guard/keeper-serve.h). */
const KEEPER_BYTES = 256 * MEBIBYTE;
const CARRIED_BYTES = 32 * MEBIBYTE;

/** Folders of an agent, as its keeper sees them. */
export const keeperView = {
  guard: (agent: string): string => `${AGENTS}/${agent}/guard`,
  given: (agent: string): string => `${AGENTS}/${agent}/given`,
  home: (agent: string): string => `${AGENTS}/${agent}/home`,
  tools: (agent: string): string => `${AGENTS}/${agent}/tools`,
  network: (agent: string): string => `${AGENTS}/${agent}/network`,
};

/** Owns everything else of the run, and carries what its containers start with. @param programs by name */
export function ownerConfigMap(deployment: DeploymentSpec, programs: ReadonlyMap<string, Buffer>): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: deployment.name, ...runMetadata(deployment) },
    immutable: true,
    binaryData: Object.fromEntries([...programs].map(([name, bytes]) => [name, bytes.toString('base64')])),
  };
}

export function ownedBy({ metadata: { name, uid = '' } }: ConfigMap): OwnerReference {
  // The owner stays until this is gone: then its own 404 says that all of it is.
  return { apiVersion: 'v1', kind: 'ConfigMap', name, uid, blockOwnerDeletion: true };
}

/**
 * Keeps the run's pods of a network that is not open from reaching anything, and from being reached, on clusters that enforce it. An exec,
 * by which all of a pod's own connections go, is none of the pod's.
 */
export function runPolicy(deployment: DeploymentSpec, owner: OwnerReference): NetworkPolicy {
  const { labels } = runMetadata(deployment);
  const own = Object.fromEntries([LABELS.installation, LABELS.run].map((label) => [label, labels[label] ?? '']));
  const closed = { key: LABELS.network, operator: 'In', values: ['none', 'allowlist'] };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: deployment.name, ...runMetadata(deployment), ownerReferences: [owner] },
    spec: { podSelector: { matchLabels: own, matchExpressions: [closed] }, policyTypes: ['Ingress', 'Egress'] },
  };
}

export interface PodOrder {
  readonly name: string;
  readonly deployment: DeploymentSpec;
  /** A container each. */
  readonly agents: readonly AgentSpec[];
  readonly owner: OwnerReference;
  /** From its start, after which the kubelet ends it, whoever is there to see it. */
  readonly endsAfterSeconds: number;
  /** Added to the run's. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Where the first agent has no image to be the keeper's. */
  readonly keeperImage?: string;
}

/** The pod of a team: a container an agent, which waits until it is released, and the keeper. */
export function podOf(order: PodOrder, settings: KubernetesSettings): Pod {
  const { name, deployment, agents, owner, endsAfterSeconds } = order;
  const { placement, architecture } = settings;
  const { template } = placement;
  const metadata = runMetadata(deployment);
  const keeper = keeperName(agents);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      labels: {
        ...template?.metadata.labels,
        ...metadata.labels,
        [LABELS.network]: deployment.network.kind,
        ...order.labels,
      },
      annotations: { ...template?.metadata.annotations, ...metadata.annotations, [KEEPER]: keeper },
      ownerReferences: [owner],
    },
    spec: {
      ...template?.spec,
      restartPolicy: 'Never',
      activeDeadlineSeconds: endsAfterSeconds,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: AGENT_UID,
        runAsGroup: AGENT_UID,
        fsGroup: AGENT_UID,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      nodeSelector: { 'kubernetes.io/arch': architecture, ...placement.nodeSelector },
      tolerations: placement.tolerations,
      imagePullSecrets: placement.imagePullSecrets.map((secret) => ({ name: secret })),
      ...(placement.runtimeClassName === null ? {} : { runtimeClassName: placement.runtimeClassName }),
      containers: [
        ...agents.map((agent) => agentContainer(agent, deployment, endsAfterSeconds, settings)),
        keeperContainer(keeper, order, order.keeperImage ?? keeperImage(agents, settings)),
      ],
      volumes: [
        { name: 'programs', configMap: { name: owner.name, defaultMode: 0o555 } },
        emptyDir('workspace', settings.diskBytes),
        ...agents.flatMap((agent) => agentVolumes(agent, deployment.network, settings)),
      ],
    },
  };
}

/** Not the name of an agent. */
function keeperName(agents: readonly AgentSpec[]): string {
  const taken = new Set(agents.map(({ name }) => name));
  let name = 'keeper';
  for (let number = 2; taken.has(name); number++) name = `keeper-${number}`;
  return name;
}

export function keeperImage(
  agents: readonly AgentSpec[],
  { placement }: Pick<KubernetesSettings, 'placement'>,
): string {
  const image = placement.keeperImage ?? agents.find((agent) => agent.image !== null)?.image;
  if (image) return image;
  throw new AppError('image_not_found', 'no agent of the team has an image');
}

/** Of an agent's forwarder, since the agents of a pod share loopback; null where the network needs none. */
export function proxyPortOf({ network, agents }: DeploymentSpec, agent: string): number | null {
  if (network.kind !== 'allowlist') return null;
  const seat = agents.findIndex(({ name }) => name === agent);
  // A program stands alone, and no tunnel leads to its pod.
  if (seat < 0) throw new AppError('create_failed', 'a program in a pod has no way out to listed hosts');
  return PROXY_PORT + seat;
}

/** With the forwarder in front of it where there is one. */
function reachingCommand(command: readonly string[], agent: string, deployment: DeploymentSpec): readonly string[] {
  const { network } = deployment;
  const port = proxyPortOf(deployment, agent);
  if (network.kind !== 'allowlist' || port === null) return command;
  return forwardedCommand(command, NETWORK_DIR, network, { program: `${PROGRAMS}/forwarder`, port });
}

function agentContainer(
  agent: AgentSpec,
  deployment: DeploymentSpec,
  endsAfterSeconds: number,
  settings: KubernetesSettings,
): Container {
  const { name, image, command } = agent;
  if (image === null) throw new AppError('image_not_found', `agent "${name}" has no image`);
  if (command === null || command.length === 0)
    throw new AppError(
      'create_failed',
      `agent "${name}" has no command: what its image would start is not known to the cluster before it runs`,
    );
  const home = mountedHome(agent);
  const mostBytes = KEPT_TIMES * settings.outputLimitBytes;
  const { network } = deployment;
  const launch = [`${PROGRAMS}/launcher`, GUARD_FOLDER, GIVEN, network.kind, `${PROGRAMS}/guard`];
  const reaching = reachingCommand(command, name, deployment);
  return {
    name,
    image,
    command: [...launch, String(endsAfterSeconds), String(mostBytes), ...reaching].map(literal),
    workingDir: WORKSPACE_DIR,
    securityContext: confinement(settings.isRootWritable),
    resources: resourcesOf(agent, settings),
    volumeMounts: [
      { name: 'programs', mountPath: PROGRAMS, readOnly: true },
      { name: 'workspace', mountPath: WORKSPACE_DIR },
      { name: volume('guard', name), mountPath: GUARD_FOLDER },
      { name: volume('given', name), mountPath: GIVEN },
      { name: volume('tmp', name), mountPath: '/tmp' },
      ...(home === null ? [] : [{ name: volume('home', name), mountPath: home }]),
      // To connect to a socket takes the right to write to it, and not to the mount.
      ...(agent.tools === null ? [] : [{ name: volume('tools', name), mountPath: TOOLS_DIR, readOnly: true }]),
      ...(network.kind === 'allowlist'
        ? [{ name: volume('network', name), mountPath: NETWORK_DIR, readOnly: true }]
        : []),
    ],
  };
}

function keeperContainer(name: string, { agents, deployment }: PodOrder, image: string): Container {
  const isCarried = deployment.network.kind === 'allowlist';
  const memory = KEEPER_BYTES + (isCarried ? agents.length * CARRIED_BYTES : 0);
  return {
    name,
    image,
    command: [KEEPER_PROGRAM, 'hold', AGENTS],
    securityContext: confinement(false),
    resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: String(memory) } },
    volumeMounts: [
      { name: 'programs', mountPath: PROGRAMS, readOnly: true },
      { name: 'workspace', mountPath: WORKSPACE_DIR },
      ...agents.flatMap((agent) => [
        { name: volume('guard', agent.name), mountPath: keeperView.guard(agent.name) },
        { name: volume('given', agent.name), mountPath: keeperView.given(agent.name) },
        ...(mountedHome(agent) === null
          ? []
          : [{ name: volume('home', agent.name), mountPath: keeperView.home(agent.name) }]),
        ...(agent.tools === null
          ? []
          : [{ name: volume('tools', agent.name), mountPath: keeperView.tools(agent.name) }]),
        ...(isCarried ? [{ name: volume('network', agent.name), mountPath: keeperView.network(agent.name) }] : []),
      ]),
    ],
  };
}

function agentVolumes(
  agent: AgentSpec,
  network: NetworkEndpoint,
  { outputLimitBytes, tmpBytes, diskBytes }: KubernetesSettings,
): object[] {
  return [
    emptyDir(volume('guard', agent.name), KEPT_TIMES * outputLimitBytes + INPUT_BYTES),
    { name: volume('given', agent.name), emptyDir: { medium: 'Memory', sizeLimit: String(GIVEN_BYTES) } },
    emptyDir(volume('tmp', agent.name), tmpBytes),
    ...(mountedHome(agent) === null ? [] : [emptyDir(volume('home', agent.name), diskBytes)]),
    ...(agent.tools === null ? [] : [emptyDir(volume('tools', agent.name), TOOLS_BYTES)]),
    ...(network.kind === 'allowlist' ? [emptyDir(volume('network', agent.name), TOOLS_BYTES)] : []),
  ];
}

/** A name of a volume is as long as that of a container at most, which an agent's may fill. */
function volume(kind: string, agent: string): string {
  const name = `${kind}-${agent}`;
  return name.length <= 63 ? name : `${kind}-${shortened(agent)}`;
}

/** The end of a long name may be what tells it from others, and so may its beginning: a number of all of it does. */
function shortened(name: string): string {
  let number = 5381n;
  for (const char of name) number = (number * 33n + BigInt(char.codePointAt(0) ?? 0)) % 2n ** 64n;
  return `${name.slice(0, 30)}-${number.toString(36)}`;
}

function emptyDir(name: string, bytes: number): object {
  return { name, emptyDir: { sizeLimit: String(bytes) } };
}

/** Kubernetes puts variables in place of `$(NAME)`, and of `$$` a `$`. */
function literal(argument: string): string {
  return argument.replaceAll('$', '$$$$');
}

function confinement(isRootWritable: boolean): object {
  return {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: !isRootWritable,
  };
}

function resourcesOf({ name, resources }: AgentSpec, { defaultResources }: KubernetesSettings): object {
  const memory = resources.memory === undefined ? defaultResources.memoryBytes : memoryBytes(resources.memory);
  if (memory === null) throw new AppError('create_failed', `memory of agent "${name}": not a size`);
  const millicores = Math.round((resources.cpus ?? defaultResources.cpus) * 1000);
  const asked = Math.max(LEAST_MILLICORES, Math.round(millicores * CPU_REQUEST_SHARE));
  return {
    requests: { cpu: `${Math.min(asked, millicores)}m`, memory: String(memory) },
    limits: { cpu: `${millicores}m`, memory: String(memory) },
  };
}

/**
 * The variables of an agent, as images/guard/launcher.c takes them. What it was given has the last word.
 * @param proxyPort see proxyPortOf
 */
export function environmentBlock(agent: AgentSpec, proxyPort: number | null): Buffer {
  const env = { ...(proxyPort === null ? {} : proxyEnvironment(proxyPort)), HOME: MADE_HOME, ...agent.env };
  return Buffer.from(
    Object.entries(env)
      .map(([name, value]) => `${name}=${value}\0`)
      .join(''),
    'utf8',
  );
}

/** Of the system, which is no place for a home, and what is mounted already. */
const NO_HOMES = ['bin', 'boot', 'dev', 'etc', 'lib', 'lib32', 'lib64', 'proc', 'sbin', 'sys', 'usr'].map(
  (it) => `/${it}`,
);
const MOUNTED = ['/tmp', WORKSPACE_DIR, TOOLS_DIR, NETWORK_DIR, GUARD_FOLDER, GIVEN, PROGRAMS];

/** Null where a HOME needs no volume, or none can stand there. */
function mountedHome({ env }: AgentSpec): string | null {
  const home = env.HOME ?? MADE_HOME;
  if (!home.startsWith('/')) return null;
  const path = posix.normalize(home).replace(/\/$/, '');
  const isIn = (folder: string): boolean => path === folder || path.startsWith(`${folder}/`);
  const holds = (folder: string): boolean => folder.startsWith(`${path}/`);
  return path === '' || [...NO_HOMES, ...MOUNTED].some(isIn) || MOUNTED.some(holds) ? null : path;
}

/** Where an agent's files go, as the keeper sees it. */
export function homeFolder(agent: AgentSpec): string {
  if (mountedHome(agent) !== null) return keeperView.home(agent.name);
  if (agent.env.HOME === WORKSPACE_DIR) return WORKSPACE_DIR;
  throw new AppError(
    'create_failed',
    `agent "${agent.name}" has files for a HOME (${agent.env.HOME}) that is no volume`,
  );
}
