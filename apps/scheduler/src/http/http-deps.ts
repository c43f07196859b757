import type { BaseAdapter } from '@bull-board/api/baseAdapter';
import type { ContractSettings } from '@crewtab/api-contract/route';
import type { SettingInForce } from '@crewtab/config/read-settings';
import type { ArtifactIndex } from '@crewtab/domain/ports/artifact-index';
import type { ArtifactStore } from '@crewtab/domain/ports/artifact-store';
import type { Clock, TimeSource } from '@crewtab/domain/ports/clock';
import type { HostImageStore } from '@crewtab/domain/ports/host-images';
import type { HostStore } from '@crewtab/domain/ports/host-store';
import type { Logger } from '@crewtab/domain/ports/logger';
import type {
  AccessStore,
  IdempotencyStore,
  RunArchive,
  ScheduleStore,
  TeamStore,
} from '@crewtab/domain/ports/management-store';
import type { OverviewStore } from '@crewtab/domain/ports/overview-store';
import type { PromptRenderer } from '@crewtab/domain/ports/prompt-renderer';
import type { ResultChecker } from '@crewtab/domain/ports/result-checker';
import type { RunEventLog } from '@crewtab/domain/ports/run-event-log';
import type { RunQueue } from '@crewtab/domain/ports/run-queue';
import type { RunStore } from '@crewtab/domain/ports/run-store';
import type { ScheduleHistory } from '@crewtab/domain/ports/schedule-history';
import type { SecretStore } from '@crewtab/domain/ports/secret-store';
import type { SessionStore } from '@crewtab/domain/ports/session-store';
import type { UsageStore } from '@crewtab/domain/ports/usage-store';
import type { Metrics } from '@crewtab/observability/metrics';
import type { RequestLimitSettings } from './access/request-limits';
import type { SessionLimits } from './access/session-access';
import type { WebFiles } from './web/web-files';

/** Everything that the HTTP side stands on. */
export interface HttpDeps {
  readonly teams: TeamStore;
  readonly schedules: ScheduleStore;
  readonly history: ScheduleHistory;
  readonly prompts: PromptRenderer;
  readonly runs: RunArchive;
  readonly access: AccessStore;
  readonly sessions: SessionStore;
  readonly secrets: SecretStore;
  readonly overview: OverviewStore;
  readonly usage: UsageStore;
  readonly idempotency: IdempotencyStore;
  readonly hosts: Pick<HostStore, 'readSystem' | 'decommission'>;
  readonly hostImages: Pick<HostImageStore, 'read' | 'want'>;
  readonly runChanges: Pick<RunStore, 'onRunChanged'>;
  readonly events: Pick<RunEventLog, 'read' | 'end' | 'holds' | 'onNumbered'>;
  /** Jobs by queue and state. May hang while Redis is down. */
  readonly countJobs: () => Promise<readonly QueueJobs[]>;
  /** What this process was started with, for admins. */
  readonly settingsInForce: readonly SettingInForce[];
  /** A failure here never fails a request: the sweeper offers the run again. */
  readonly queue: Pick<RunQueue, 'offerRuns'>;
  readonly logger: Logger;
  readonly clock: Clock;
  /** The database's clock, asked where an answer must not be ahead of it: what a schedule's next instants start from. */
  readonly time: TimeSource;
  /** `store` null: nothing is kept. */
  readonly artifacts: { readonly index: Pick<ArtifactIndex, 'listArtifacts'>; readonly store: ArtifactStore | null };
  /** Judges the schemas that schedules verify results by. */
  readonly resultChecker: Pick<ResultChecker, 'findFault'>;
  /** Records what is due of a schedule before it is edited, a part with every call; see the engine's `fireBeforeEdit`. */
  readonly fireBeforeEdit: (scheduleId: string, isEnding: boolean) => Promise<boolean>;
  readonly settings: HttpSettings;
  readonly metrics: Pick<Metrics, 'contentType' | 'text' | 'httpRequest' | 'runLost' | 'rowsDeleted' | 'runEvent'>;
  readonly protection: HttpProtection;
  readonly readiness: readonly ReadinessCheck[];
  /** What Bull Board shows, already set read-only (or not). */
  readonly bullBoardQueues: readonly BaseAdapter[];
  /** The browser's pages; empty where they were not built. */
  readonly webFiles: WebFiles;
}

/** Against clients that ask too much, or for what is not theirs. */
export interface HttpProtection {
  readonly limits: RequestLimitSettings;
  /** Addresses, networks or names that Express knows; empty: nothing that stands in front is believed. */
  readonly trustedProxies: readonly string[];
  /** What readers of `/metrics` must show; null: nothing. */
  readonly metricsKey: string | null;
}

export interface HttpSettings extends ContractSettings, SessionLimits {
  /** Under a runtime that could keep agents from the network. */
  readonly isOpenNetworkAllowed: boolean;
  /** Of Crewtab. */
  readonly version: string;
  readonly isBullBoardWritable: boolean;
}

export interface QueueJobs {
  readonly name: string;
  readonly jobs: Readonly<Record<string, number>>;
}

/** One service that must work before the process should get requests. */
export interface ReadinessCheck {
  /** `postgres`, `redis`, `job-schedulers`. */
  readonly name: string;
  /** Resolves to null when all is well, to words otherwise. May throw and may hang: both count as not ready. */
  check(): Promise<string | null>;
}

/** Nest's injection token for `HttpDeps`. */
export const HTTP_DEPS = Symbol('HTTP_DEPS');
