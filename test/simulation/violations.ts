import type { InvariantName } from '@crewtab/domain/invariants';

export interface Violation {
  readonly invariant: InvariantName;
  readonly atMs: number;
  readonly words: string;
}

/** What was found broken; each violation once. */
export class Violations {
  readonly found: Violation[] = [];
  private readonly known = new Set<string>();

  constructor(private readonly world: { nowMs(): number; note(who: string, text: string): void }) {}

  /** @param about what it is about: further findings of the same invariant about the same subject are dropped */
  add(invariant: InvariantName, about: string, words: string): void {
    const key = `${invariant} ${about}`;
    if (this.known.has(key)) return;
    this.known.add(key);
    this.found.push({ invariant, atMs: this.world.nowMs(), words: `${about}: ${words}` });
    this.world.note('!!', `${invariant} broken by ${about}: ${words}`);
  }
}
