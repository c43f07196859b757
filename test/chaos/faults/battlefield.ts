import type { FaultLog } from '../fault-log';
import type { Processes, ProcessLinks } from '../processes';
import type { EngineServer } from '../../kit/servers/engine-server';
import type { PostgresServer } from '../../kit/servers/postgres-server';
import type { RedisServer } from '../../kit/servers/redis-server';
import type { Resources } from '../resources';
import type { ShiftedClock } from '../shifted-clock';

/** Everything that can be harmed. */
export interface Battlefield {
  readonly processes: Processes;
  readonly links: ReadonlyMap<string, ProcessLinks>;
  readonly postgres: PostgresServer;
  readonly redis: RedisServer;
  readonly docker: EngineServer;
  readonly clock: ShiftedClock | null;
  readonly faultLog: FaultLog;
  readonly installationId: string;
  /** What cannot be harmed in two ways at once. */
  readonly resources: Resources;
}

/** Waits, shorter when all is to be healed. */
export type Pause = (ms: number) => Promise<void>;
