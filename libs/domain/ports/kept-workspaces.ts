/** A workspace that is kept between the runs of a schedule: an older generation is never used again. */
export interface KeptWorkspace {
  readonly scheduleId: string;
  readonly generation: number;
}

/** Kept workspaces on one host. */
export interface WorkspaceKeeper {
  /** Those of the installation. */
  list(installationId: string): Promise<KeptWorkspace[]>;

  /** Their bytes by schedule, each of its newest generation there. May take the engine many seconds; null where another such question is under way. */
  measure(installationId: string): Promise<ReadonlyMap<string, number> | null>;

  /** Idempotent. False: a container has it still, or another installation owns it. */
  remove(installationId: string, one: KeptWorkspace): Promise<boolean>;
}

/** What is known of the workspace that a schedule keeps. */
export interface KeptWorkspaceRecord extends KeptWorkspace {
  /** Of this generation; null: on none. */
  readonly host: string | null;
  /** Since the last run began with it, ms by the database's clock. */
  readonly idleMs: number;
  /** A run that has begun and is not finished has it, or an older generation. */
  readonly isInUse: boolean;
}

export interface KeptWorkspaceStore {
  /** Of schedules that are there; deleted and unknown ones, and those that keep none, are absent. Throws when the database can't be read. */
  findKept(scheduleIds: readonly string[]): Promise<Map<string, KeptWorkspaceRecord>>;

  /**
   * Ends this generation: the next run begins with an empty one, and is told why. False: it has ended already, or a run has it.
   * @param words why, as a reader of the next run is told
   */
  retire(one: KeptWorkspace, words: string): Promise<boolean>;
}
