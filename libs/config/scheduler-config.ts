import type { FailpointOrder } from '@crewtab/domain/failpoint';
import type { RuntimeKind } from '@crewtab/domain/runtimes';
import type { AgentPolicy } from '@crewtab/domain/teams/agent-policy';
import { AGENT_POLICY_SETTINGS, agentPolicyOf } from './agent-policy';
import { ARTIFACT_PLACE_SETTINGS, artifactPlaceOf, checkArtifactPlace, type ArtifactPlace } from './artifact-place';
import { ENCRYPTION_SETTINGS, encryptionOf, type EncryptionKeys } from './encryption-keys';
import { PRESET_SETTINGS, presetSettingsOf, type PresetSettings } from './preset-settings';
import { processEnvironment, type Environment } from './process-environment';
import { readSettings, settingsInForce, type SettingInForce, type SettingValues } from './read-settings';
import { checkTimeouts, type TimeoutSettings } from './timeouts';

export interface SchedulerConfig {
  readonly http: { readonly host: string; readonly port: number };
  /** Against clients that ask too much, or for what is not theirs. */
  readonly protection: {
    /** Per minute, but for streams, which are open at the same time. */
    readonly limits: Readonly<Record<'requests' | 'failures' | 'streams' | 'addressStreams', number>>;
    readonly trustedProxies: readonly string[];
    /** For readers of /metrics; null: none is asked for. */
    readonly metricsKey: string | null;
  };
  readonly database: { readonly url: string };
  readonly redis: { readonly url: string; readonly prefix: string };
  readonly access: {
    /** Becomes the first admin key of an empty database; null: one is made. */
    readonly firstApiKey: string | null;
    readonly encryption: EncryptionKeys;
  };
  readonly timeouts: TimeoutSettings;
  /** How long a worker host may give no heartbeat before its runs are lost. */
  readonly hosts: { readonly hostTimeoutMs: number };
  /** How long history is kept after a run ended, and events after they were written, ms; null: for ever. */
  readonly retention: Readonly<Record<'messages' | 'runs' | 'events' | 'artifacts', number | null>>;
  /** Null: nothing that runs leave is kept. */
  readonly artifactPlace: ArtifactPlace | null;
  /** `onlyCommand`: of agents that run without isolation; null: any. */
  readonly runtime: { readonly kind: RuntimeKind; readonly onlyCommand: readonly string[] | null };
  /** What agents may ask for. */
  readonly agentPolicy: AgentPolicy;
  readonly presets: PresetSettings;
  readonly network: { readonly isOpenAllowed: boolean };
  /** How long a browser stays logged in, ms: unused, and at most. */
  readonly sessions: { readonly idleMs: number; readonly limitMs: number };
  readonly bullBoard: { readonly isWritable: boolean };
  /** For tests of crashes; null: none. */
  readonly failpoint: FailpointOrder | null;
  readonly log: { readonly level: SettingValues<'LOG_LEVEL'>['LOG_LEVEL'] };
  /** All of these as they are in force, for admins to look at. */
  readonly inForce: readonly SettingInForce[];
}

const NAMES = [
  'DATABASE_URL',
  'REDIS_URL',
  'REDIS_PREFIX',
  ...ENCRYPTION_SETTINGS,
  'CREWTAB_API_KEY',
  'HOST',
  'PORT',
  'TRUSTED_PROXIES',
  'API_REQUEST_LIMIT',
  'API_FAILURE_LIMIT',
  'API_STREAM_LIMIT',
  'API_ADDRESS_STREAM_LIMIT',
  'METRICS_KEY',
  'SESSION_IDLE_LIMIT',
  'SESSION_LIMIT',
  'CREWTAB_BULLBOARD_WRITABLE',
  'SCHEDULE_TIMEOUT',
  'SCHEDULE_TIMEOUT_MAX',
  'HOST_UNRESPONSIVE_LIMIT',
  'RETENTION_MESSAGES',
  'RETENTION_RUNS',
  'RETENTION_EVENTS',
  'RETENTION_ARTIFACTS',
  ...ARTIFACT_PLACE_SETTINGS,
  'CREWTAB_PROCESS_COMMAND',
  ...AGENT_POLICY_SETTINGS,
  ...PRESET_SETTINGS,
  'NETWORK_OPEN_ALLOWED',
  'CREWTAB_FAILPOINT',
  'LOG_LEVEL',
] as const;

/** What the scheduler app needs. @throws ConfigError that lists every bad setting. */
export function loadSchedulerConfig(environment: Environment = processEnvironment()): SchedulerConfig {
  const values = readSettings(environment, NAMES, (read) => [...checkTimeouts(read), ...checkArtifactPlace(read)]);
  return {
    http: { host: values.HOST, port: values.PORT },
    protection: {
      limits: {
        requests: values.API_REQUEST_LIMIT,
        failures: values.API_FAILURE_LIMIT,
        streams: values.API_STREAM_LIMIT,
        addressStreams: values.API_ADDRESS_STREAM_LIMIT,
      },
      trustedProxies: values.TRUSTED_PROXIES ?? [],
      metricsKey: values.METRICS_KEY,
    },
    database: { url: values.DATABASE_URL },
    redis: { url: values.REDIS_URL, prefix: values.REDIS_PREFIX },
    access: { firstApiKey: values.CREWTAB_API_KEY, encryption: encryptionOf(values) },
    timeouts: { defaultMs: values.SCHEDULE_TIMEOUT, maxMs: values.SCHEDULE_TIMEOUT_MAX },
    hosts: { hostTimeoutMs: values.HOST_UNRESPONSIVE_LIMIT },
    retention: {
      messages: values.RETENTION_MESSAGES,
      runs: values.RETENTION_RUNS,
      events: values.RETENTION_EVENTS,
      artifacts: values.RETENTION_ARTIFACTS,
    },
    artifactPlace: artifactPlaceOf(values),
    runtime: { kind: values.CREWTAB_RUNTIME, onlyCommand: values.CREWTAB_PROCESS_COMMAND },
    agentPolicy: agentPolicyOf(values),
    presets: presetSettingsOf(values),
    network: { isOpenAllowed: values.NETWORK_OPEN_ALLOWED },
    sessions: { idleMs: values.SESSION_IDLE_LIMIT, limitMs: values.SESSION_LIMIT },
    bullBoard: { isWritable: values.CREWTAB_BULLBOARD_WRITABLE },
    failpoint: values.CREWTAB_FAILPOINT,
    log: { level: values.LOG_LEVEL },
    inForce: settingsInForce(environment, NAMES),
  };
}
