/** Told the name of each point as it is passed, like `run-store.claim:before`. May end or stop the process. */
export type FailpointTrap = (point: string) => void;

/** What a test asks of a process: see CREWTAB_FAILPOINT. */
export type FailpointOrder =
  | CrashOrder
  /** Append the name of every point that is passed to the file. */
  | { readonly action: 'record'; readonly file: string }
  /** The crash order stands in the file, which may be written anew at any time; none while it is absent or empty. */
  | { readonly action: 'follow'; readonly file: string };

export interface CrashOrder {
  readonly action: 'kill' | 'stop';
  readonly point: string;
  /** Which time of passing it counts, from 1. */
  readonly hit: number;
}

/** Reads `kill <point> [hit]` or `stop <point> [hit]`; null for anything else. */
export function parseCrashOrder(text: string): CrashOrder | null {
  const [, action, point = '', hit = '1'] = CRASH_ORDER.exec(text.trim()) ?? [];
  return action === 'kill' || action === 'stop' ? { action, point, hit: Number(hit) } : null;
}

const CRASH_ORDER = /^(kill|stop) +([a-z-]+(?:\.[A-Za-z-]+)+:(?:before|after))(?: +([1-9]\d{0,5}))?$/;

let trap: FailpointTrap | null = null;

/** For tests only: from now on every effect of this process passes `newTrap`, once before and once after it. */
export function armFailpoints(newTrap: FailpointTrap | null): void {
  trap = newTrap;
}

export function areFailpointsArmed(): boolean {
  return trap !== null;
}

/**
 * Marks a call that changes something outside of this process, and does it. A process that dies or is stopped just before
 * or just after an effect must do no harm: docs/crash-points.md says how that is proved for every name used here.
 * Costs one comparison in production, where nothing is armed.
 * @param name a literal, unique per kind of effect; the points are `<name>:before` and `<name>:after`
 */
export function effect<T>(name: string, call: () => T): T {
  return trap === null ? call() : trapped(trap, name, call);
}

/** An effect that failed may have happened all the same; its `after` is passed only by those that say they succeeded. */
function trapped<T>(passed: FailpointTrap, name: string, call: () => T): T {
  passed(`${name}:before`);
  const result = call();
  if (!isPromise(result)) {
    passed(`${name}:after`);
    return result;
  }
  return result.then((value: unknown) => {
    passed(`${name}:after`);
    return value;
  }) as T;
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
