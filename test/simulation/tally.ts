/** Before what is counted for each call and fault: too much to be printed. */
export const STRUCK = 'struck ';

/** Counts what happened, so that a batch in which nothing interesting happened is noticed. */
export class Tally {
  readonly counts: Record<string, number> = {};

  add(what: string, times = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + times;
  }

  merge(other: Readonly<Record<string, number>>): void {
    for (const [what, times] of Object.entries(other)) this.add(what, times);
  }
}
