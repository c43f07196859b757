import type { FaultLog } from '../fault-log';
import type { Processes, ProcessLinks } from '../processes';
import type { EngineServer } from '../../kit/servers/engine-server';
import type { PostgresServer } from '../../kit/servers/postgres-server';
import type { RedisServer } from '../../kit/servers/redis-server';
import type { FaultLocks } from '../fault-locks';
import type { ShiftedClock } from '../shifted-clock';

/** Everything that faults can be injected into. */
export interface FaultTargets {
  readonly processes: Processes;
  readonly links: ReadonlyMap<string, ProcessLinks>;
  readonly postgres: PostgresServer;
  readonly redis: RedisServer;
  readonly docker: EngineServer;
  readonly clock: ShiftedClock | null;
  readonly faultLog: FaultLog;
  readonly installationId: string;
  /** What takes one fault at a time. */
  readonly locks: FaultLocks;
}

/** Waits, shorter once all is to be healed. */
export type Pause = (ms: number) => Promise<void>;
