import type { FailpointOrder } from '@crewtab/domain/failpoint';
import type { ImageSources } from '@crewtab/domain/ports/image-sources';
import type { JsonLimits } from '@crewtab/domain/runs/output-limits';
import type { RuntimeKind } from '@crewtab/domain/runtimes';
import type { AgentPolicy } from '@crewtab/domain/teams/agent-policy';
import { AGENT_POLICY_SETTINGS, agentPolicyOf } from './agent-policy';
import { ARTIFACT_PLACE_SETTINGS, artifactPlaceOf, checkArtifactPlace, type ArtifactPlace } from './artifact-place';
import { ENCRYPTION_SETTINGS, encryptionOf, type EncryptionKeys } from './encryption-keys';
import { KUBERNETES_SETTING_NAMES, kubernetesPlaceOf, type KubernetesPlace } from './kubernetes-place';
import { PRESET_SETTINGS, presetSettingsOf, type PresetSettings } from './preset-settings';
import { processEnvironment, type Environment } from './process-environment';
import { readSettings, type SettingValues } from './read-settings';

export interface WorkerConfig {
  readonly database: { readonly url: string };
  readonly redis: { readonly url: string; readonly prefix: string };
  readonly encryption: EncryptionKeys;
  readonly runtime: {
    readonly kind: RuntimeKind;
    readonly dockerHost: string;
    readonly kubernetes: KubernetesPlace;
    readonly dataDir: string;
    /** Of agents that run without isolation; null: any. */
    readonly onlyCommand: readonly string[] | null;
  };
  /** What agents may ask for. */
  readonly agentPolicy: AgentPolicy;
  readonly presets: PresetSettings;
  readonly images: Pick<ImageSources, 'pullPolicy' | 'credentials' | 'keepFormerMs'>;
  /** For repositories; null: one is built. */
  readonly gitImage: string | null;
  readonly agents: {
    readonly handshakeTimeoutMs: number;
    /** For one call of a team's tool. */
    readonly teamAnswerMs: number;
    /** Between SIGTERM and SIGKILL. */
    readonly stopGraceMs: number;
    /** For one write to an agent that does not read. */
    readonly inputTimeoutMs: number;
    readonly outputLimitBytes: number;
    /** Of their containers; otherwise they have workspace, HOME and /tmp. */
    readonly isRootWritable: boolean;
    readonly tmpBytes: number;
    /** Of a run's workspace, which is in memory then; null: it is on the disk. */
    readonly workspaceBytes: number | null;
    readonly longestLineBytes: number;
    readonly jsonLimits: JsonLimits;
  };
  /** Messages that a run may have. */
  readonly messageLimit: number;
  /** Of the host's disk, for one run. */
  readonly diskLimitBytes: number;
  /** What is kept between runs: see `KeptLimits`. */
  readonly keptWorkspaces: { readonly bytes: number; readonly ageMs: number };
  /** Of agents that reach listed hosts only. */
  readonly network: {
    readonly allowedCidrs: readonly string[];
    readonly upstreamProxy: string | null;
    readonly limits: {
      readonly connections: number;
      readonly bytes: number;
      readonly connectionsPerSecond: number;
      readonly bytesPerSecond: number;
    };
  };
  /** How long its claims hold without renewal, ms. */
  readonly leaseMs: number;
  /** How long the teardown of a success may fail before the run is failed. */
  readonly teardownLimitMs: number;
  /** Of runs that keep files; `place` null: none do. */
  readonly artifacts: {
    readonly place: ArtifactPlace | null;
    readonly fileBytes: number;
    readonly bytes: number;
    readonly count: number;
    readonly collectLimitMs: number;
  };
  /** For the command of a verification. */
  readonly verifyTimeoutMs: number;
  /** Runs held at the same time. */
  readonly concurrency: number;
  /** Null: the engine's own id. */
  readonly hostName: string | null;
  /** Touched while the worker can renew its leases; null: none. */
  readonly aliveFile: string | null;
  /** Where it answers GET /metrics; null: nowhere. */
  readonly metrics: { readonly host: string; readonly port: number; readonly key: string | null } | null;
  /** PATH, for agents that are child processes. */
  readonly searchPath: string;
  /** For tests of crashes; null: none. */
  readonly failpoint: FailpointOrder | null;
  readonly log: { readonly level: SettingValues<'LOG_LEVEL'>['LOG_LEVEL'] };
}

const NAMES = [
  'DATABASE_URL',
  'REDIS_URL',
  'REDIS_PREFIX',
  ...ENCRYPTION_SETTINGS,
  'CREWTAB_PROCESS_COMMAND',
  ...AGENT_POLICY_SETTINGS,
  ...PRESET_SETTINGS,
  'PRESET_IMAGE_RETENTION',
  'GIT_IMAGE',
  'IMAGE_PULL_POLICY',
  'REGISTRY_CREDENTIALS',
  'DOCKER_HOST',
  ...KUBERNETES_SETTING_NAMES,
  'CREWTAB_DATA_DIR',
  'WORKER_CONCURRENCY',
  'WORKER_LEASE',
  'CREWTAB_WORKER_HOST',
  'CREWTAB_ALIVE_FILE',
  'HOST',
  'WORKER_METRICS_PORT',
  'METRICS_KEY',
  'AGENT_HANDSHAKE_TIMEOUT',
  'AGENT_INPUT_TIMEOUT',
  'TEAM_ANSWER_LIMIT',
  'AGENT_STOP_GRACE',
  'AGENT_OUTPUT_LIMIT',
  'AGENT_LINE_LIMIT',
  'AGENT_BATCH_LIMIT',
  'AGENT_JSON_DEPTH_LIMIT',
  'AGENT_JSON_VALUES_LIMIT',
  'RUN_MESSAGE_LIMIT',
  'RUN_DISK_LIMIT',
  'KEPT_WORKSPACE_LIMIT',
  'KEPT_WORKSPACE_AGE',
  'AGENT_ROOT_WRITABLE',
  'AGENT_TMP_SIZE',
  'AGENT_WORKSPACE_TMPFS',
  'NETWORK_ALLOWED_CIDRS',
  'NETWORK_UPSTREAM_PROXY',
  'NETWORK_CONNECTION_LIMIT',
  'NETWORK_TRAFFIC_LIMIT',
  'NETWORK_CONNECTION_RATE',
  'NETWORK_TRAFFIC_RATE',
  'TEARDOWN_LIMIT',
  'VERIFY_TIMEOUT',
  ...ARTIFACT_PLACE_SETTINGS,
  'ARTIFACT_FILE_LIMIT',
  'ARTIFACT_RUN_LIMIT',
  'ARTIFACT_COUNT_LIMIT',
  'COLLECT_TIMEOUT',
  'CREWTAB_FAILPOINT',
  'LOG_LEVEL',
] as const;

/** What a worker needs. @throws ConfigError that lists every bad setting. */
export function loadWorkerConfig(environment: Environment = processEnvironment()): WorkerConfig {
  const values = readSettings(environment, NAMES, checkArtifactPlace);
  return {
    database: { url: values.DATABASE_URL },
    redis: { url: values.REDIS_URL, prefix: values.REDIS_PREFIX },
    encryption: encryptionOf(values),
    runtime: {
      kind: values.CREWTAB_RUNTIME,
      dockerHost: values.DOCKER_HOST,
      kubernetes: kubernetesPlaceOf(values),
      dataDir: values.CREWTAB_DATA_DIR,
      onlyCommand: values.CREWTAB_PROCESS_COMMAND,
    },
    agentPolicy: agentPolicyOf(values),
    presets: presetSettingsOf(values),
    images: {
      pullPolicy: values.IMAGE_PULL_POLICY,
      credentials: values.REGISTRY_CREDENTIALS ?? {},
      keepFormerMs: values.PRESET_IMAGE_RETENTION,
    },
    gitImage: values.GIT_IMAGE,
    agents: {
      handshakeTimeoutMs: values.AGENT_HANDSHAKE_TIMEOUT,
      inputTimeoutMs: values.AGENT_INPUT_TIMEOUT,
      teamAnswerMs: values.TEAM_ANSWER_LIMIT,
      stopGraceMs: values.AGENT_STOP_GRACE,
      outputLimitBytes: values.AGENT_OUTPUT_LIMIT,
      isRootWritable: values.AGENT_ROOT_WRITABLE,
      tmpBytes: values.AGENT_TMP_SIZE,
      workspaceBytes: values.AGENT_WORKSPACE_TMPFS ?? null,
      longestLineBytes: values.AGENT_LINE_LIMIT,
      jsonLimits: {
        batchEntries: values.AGENT_BATCH_LIMIT,
        depth: values.AGENT_JSON_DEPTH_LIMIT,
        values: values.AGENT_JSON_VALUES_LIMIT,
      },
    },
    messageLimit: values.RUN_MESSAGE_LIMIT,
    diskLimitBytes: values.RUN_DISK_LIMIT,
    keptWorkspaces: { bytes: values.KEPT_WORKSPACE_LIMIT, ageMs: values.KEPT_WORKSPACE_AGE },
    network: {
      allowedCidrs: values.NETWORK_ALLOWED_CIDRS,
      upstreamProxy: values.NETWORK_UPSTREAM_PROXY,
      limits: {
        connections: values.NETWORK_CONNECTION_LIMIT,
        bytes: values.NETWORK_TRAFFIC_LIMIT,
        connectionsPerSecond: values.NETWORK_CONNECTION_RATE,
        bytesPerSecond: values.NETWORK_TRAFFIC_RATE,
      },
    },
    leaseMs: values.WORKER_LEASE,
    teardownLimitMs: values.TEARDOWN_LIMIT,
    verifyTimeoutMs: values.VERIFY_TIMEOUT,
    artifacts: {
      place: artifactPlaceOf(values),
      fileBytes: values.ARTIFACT_FILE_LIMIT,
      bytes: values.ARTIFACT_RUN_LIMIT,
      count: values.ARTIFACT_COUNT_LIMIT,
      collectLimitMs: values.COLLECT_TIMEOUT,
    },
    concurrency: values.WORKER_CONCURRENCY,
    hostName: values.CREWTAB_WORKER_HOST,
    aliveFile: values.CREWTAB_ALIVE_FILE,
    metrics:
      values.WORKER_METRICS_PORT === null
        ? null
        : { host: values.HOST, port: values.WORKER_METRICS_PORT, key: values.METRICS_KEY },
    searchPath: environment['PATH'] ?? '/usr/bin:/bin',
    failpoint: values.CREWTAB_FAILPOINT,
    log: { level: values.LOG_LEVEL },
  };
}

/** For the worker's health check, which must not need all of the worker's settings. @throws ConfigError */
export function loadAliveFile(environment: Environment = processEnvironment()): string | null {
  return readSettings(environment, ['CREWTAB_ALIVE_FILE']).CREWTAB_ALIVE_FILE;
}
