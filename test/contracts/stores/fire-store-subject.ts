import type { DueSchedule, FireStore } from '@crewtab/domain/ports/fire-store';
import type { Run } from '@crewtab/domain/runs/run';

export interface ScheduleWish {
  readonly enabled?: boolean;
  readonly cron?: string;
  readonly overlap?: DueSchedule['overlap'];
  readonly nextFireAt?: Date | null;
  readonly followingFireAt?: Date | null;
}

export interface FireStoreSubject {
  readonly store: FireStore;
  /** The store's clock. */
  now(): Date;
  /** Enabled, overlap `allow`, without instants where the wish names none. Answers its id. */
  addSchedule(wish?: ScheduleWish): Promise<string>;
  /** A change of the spec, through what the API uses. */
  editSchedule(
    id: string,
    edit: { enabled: boolean; cron?: string; nextFireAt: Date | null; followingFireAt: Date | null },
  ): Promise<void>;
  instantsOf(id: string): Promise<{ nextFireAt: Date | null; followingFireAt: Date | null }>;
  /** Oldest instant first. */
  runsOf(id: string): Promise<readonly Run[]>;
  close(): Promise<void>;
}
