import type { Draft } from './draft';

/** What becomes of one due instant, all in ms. */
export interface PlannedBar {
  readonly due: number;
  /** Null: it never runs. */
  readonly start: number | null;
  readonly end: number;
  readonly fate: 'runs' | 'skipped' | 'waits' | 'replaced';
}

/** What a policy makes of instants whose runs take so long, in order. */
export function planOverlap(
  policy: Draft['overlap'],
  instants: readonly number[],
  durations: readonly number[],
): PlannedBar[] {
  const bars: PlannedBar[] = [];
  let activeUntil = Number.NEGATIVE_INFINITY;
  for (const [index, due] of instants.entries()) {
    const duration = durations[index] ?? 0;
    const isBusy = activeUntil > due;
    if (isBusy && policy === 'skip') {
      bars.push({ due, start: null, end: due, fate: 'skipped' });
      continue;
    }
    const start = isBusy && policy === 'queue' ? activeUntil : due;
    if (isBusy && policy === 'replace') {
      const last = bars.at(-1);
      if (last) bars[bars.length - 1] = { ...last, end: due, fate: 'replaced' };
    }
    bars.push({ due, start, end: start + duration, fate: start > due ? 'waits' : 'runs' });
    activeUntil = policy === 'allow' ? Math.max(activeUntil, start + duration) : start + duration;
  }
  return bars;
}

export interface CaughtUp {
  readonly due: number;
  readonly fate: 'fires' | 'caught up' | 'missed';
}

/** What a policy makes of instants that came while no scheduler ran. */
export function planCatchUp(
  policy: Draft['catchUp'],
  instants: readonly number[],
  outage: { readonly from: number; readonly to: number },
  windowMs: number,
): CaughtUp[] {
  const late = instants.filter((due) => due >= outage.from && due < outage.to);
  const isCaughtUp = (due: number): boolean => {
    if (outage.to - due > windowMs || policy === 'none') return false;
    return policy === 'all' || due === late.at(-1);
  };
  return instants.map((due) => ({
    due,
    fate: !late.includes(due) ? 'fires' : isCaughtUp(due) ? 'caught up' : 'missed',
  }));
}

const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** Ms of a Go duration; null of what is none. The server has the last word. */
export function readDuration(text: string): number | null {
  if (!/^(\d+(\.\d+)?(h|ms|m|s))+$/.test(text.trim())) return null;
  return [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)].reduce(
    (sum, [, number = '0', unit = 'ms']) => sum + Number(number) * (UNITS[unit] ?? 0),
    0,
  );
}
