/** Time, so that tests can hold it. */
export interface Clock {
  /** Wall clock. Deadlines compare against it; leases are timed by the database instead. */
  now(): Date;
  /** Milliseconds that only grow, for measuring how long something took. */
  monotonicMs(): number;
  /** Calls back once after `delayMs` (any length: longer than Node's 2^31 ms limit too); the returned function cancels. */
  after(delayMs: number, callback: () => void): () => void;
}
