import type { FaultLog } from '../fault-log';
import type { Fleet, MemberLinks } from '../fleet';
import type { DockerPlace } from '../../kit/servers/engine-server';
import type { PostgresPlace } from '../../kit/servers/postgres-server';
import type { RedisPlace } from '../../kit/servers/redis-server';
import type { Resources } from '../resources';
import type { ShiftedClock } from '../shifted-clock';

/** Everything that can be harmed. */
export interface Battlefield {
  readonly fleet: Fleet;
  readonly links: ReadonlyMap<string, MemberLinks>;
  readonly postgres: PostgresPlace;
  readonly redis: RedisPlace;
  readonly docker: DockerPlace;
  readonly clock: ShiftedClock | null;
  readonly faultLog: FaultLog;
  readonly installationId: string;
  /** What cannot be harmed in two ways at once. */
  readonly resources: Resources;
}

/** Waits, shorter when all is to be healed. */
export type Pause = (ms: number) => Promise<void>;
