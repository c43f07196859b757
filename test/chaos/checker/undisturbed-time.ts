import type { Fault } from './evidence';

/**
 * After a fault is over, a lease has to run out (10 s) and a process to notice (5 s) before a run moves on: that much is
 * promised, ms.
 */
const RECOVERY_MS = 15_000;

/** A single connection or answer that is lost, or a pause of a second or two: the process that meets it tries again. */
const SMALL = /\b(cut-one|lose-reply|hiccup)\b/;

/**
 * Faults that may not keep a run from its deadline or its teardown: small ones, and Redis only wakes, schedulers only
 * fire, and a container that was killed is one less to remove. Every other fault, also of a kind that is not known here,
 * counts as time in which nothing can be asked of the product.
 */
const HARMLESS = new RegExp(`${SMALL.source}|redis|flush|\\brdb\\b|\\bcontainers?\\b|scheduler|\\bedits?\\b`, 'i');

/** Faults that may hold up a commit for longer than a moment. */
const HOLDS_COMMITS = /postgres|\bstop-|slow/i;

/** Milliseconds of [from, to] in which the control plane was up: no disturbing fault was on or had just ended. */
export function undisturbedMs(faults: readonly Fault[], from: number, to: number): number {
  let passed = 0;
  let at = from;
  for (const [begin, end] of disturbances(faults)) {
    if (begin >= to) break;
    if (begin > at) passed += begin - at;
    at = Math.max(at, end);
  }
  return at < to ? passed + to - at : passed;
}

export function isDisturbed(faults: readonly Fault[], from: number, to: number): boolean {
  return undisturbedMs(faults, from, to) < to - from;
}

/** Whether a commit may have been held up in that time. */
export function areCommitsLate(faults: readonly Fault[], from: number, to: number): boolean {
  return faults.some(
    ({ kind, target, at, endedAt }) =>
      !SMALL.test(kind) && HOLDS_COMMITS.test(`${kind} ${target}`) && at <= to && endedAt >= from,
  );
}

function disturbances(faults: readonly Fault[]): [number, number][] {
  return faults
    .filter(({ kind, target }) => !HARMLESS.test(`${kind} ${target}`))
    .map(({ at, endedAt }): [number, number] => [at, endedAt + RECOVERY_MS])
    .sort(([a], [b]) => a - b);
}
