/** Time, so that tests can hold it. */
export interface Clock {
  /**
   * What deadlines are compared with. In the apps it is the database's time and never the machine's (see `StoreClock`):
   * instants in Postgres mean its clock. Leases are timed by the database itself.
   */
  now(): Date;
  /** Milliseconds that only grow, for measuring how long something took. */
  monotonicMs(): number;
  /** Calls back once after `delayMs` (any length: longer than Node's 2^31 ms limit too); the returned function cancels. */
  after(delayMs: number, callback: () => void): () => void;
}

/** Who says what time it is: the database. */
export interface TimeSource {
  /** Its clock at a moment between the call and the answer. Throws like every call of a store. */
  now(): Promise<Date>;
}
