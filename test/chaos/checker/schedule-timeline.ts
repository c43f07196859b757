import { isDueOn } from './due-calendar';
import type { Evidence, ScheduleRow } from './evidence';
import { editsOf, NOT_THERE, type Edit, type Spec } from './schedule-edits';

/** What a schedule may have been from `from` on, until the next segment. */
interface Segment {
  readonly from: number;
  readonly specs: readonly Spec[];
}

/**
 * One possible past: the spec, and which of the open edits that were certainly done are already in it. What may
 * never have been done is not followed one by one (twenty such edits would be a million ways): within its window it may
 * happen at any time, which allows a little more than really was possible and never less.
 */
interface Way {
  readonly spec: Spec;
  readonly applied: ReadonlySet<Edit>;
}

/** Everything that a schedule can have been at each instant, given that an edit takes effect anywhere in its window. */
export class ScheduleTimeline {
  private constructor(private readonly segments: readonly Segment[]) {}

  /** Null where the evidence does not say what the schedule was. */
  static of(evidence: Evidence, schedule: ScheduleRow): ScheduleTimeline | null {
    const edits = editsOf(evidence, schedule);
    return edits && new ScheduleTimeline(toSegments(edits));
  }

  /** At a boundary, what was possible on both sides of it. */
  possibleAt(instant: number): Spec[] {
    return this.segments
      .filter(({ from }, index) => from <= instant && instant <= (this.segments[index + 1]?.from ?? Infinity))
      .flatMap(({ specs }) => specs);
  }

  /** Every spec that it can ever have had. */
  get specs(): Spec[] {
    return [...new Set(this.segments.flatMap(({ specs }) => specs))].filter(({ exists }) => exists);
  }

  /** Whether the instant was due: for certain, for certain not, or it depends on when an edit took effect. */
  dueAt(instant: number): 'yes' | 'no' | 'perhaps' {
    const answers = new Set(
      this.possibleAt(instant).map((spec) => spec.exists && spec.enabled && isDueOn(spec, instant)),
    );
    if (answers.size === 2) return 'perhaps';
    return answers.has(true) ? 'yes' : 'no';
  }
}

function toSegments(edits: readonly Edit[]): Segment[] {
  const instants = [...new Set(edits.flatMap(({ from, until }) => [from, until]))].sort((a, b) => a - b);
  let ways: Way[] = [{ spec: NOT_THERE, applied: new Set() }];
  const open = new Set<Edit>();
  const segments: Segment[] = [{ from: -Infinity, specs: [NOT_THERE] }];
  for (const instant of instants) {
    for (const edit of edits) if (edit.from === instant && edit.outcome !== 'refused') open.add(edit);
    // An edit may end in the instant in which it began.
    ways = close(applyOpen(ways, open), open, instant);
    ways = applyOpen(ways, open);
    segments.push({ from: instant, specs: [...new Set(ways.map(({ spec }) => spec))] });
  }
  return segments;
}

/** An open edit may have happened by now or not, in any order with the others. */
function applyOpen(ways: readonly Way[], open: ReadonlySet<Edit>): Way[] {
  const all = [...ways];
  const seen = new Set(all.map(keyOf(open)));
  for (let index = 0; index < all.length; index++) {
    const { spec, applied } = all[index] as Way;
    for (const edit of open) {
      if (applied.has(edit)) continue;
      const next: Way = {
        spec: edit.apply(spec),
        applied: edit.outcome === 'done' ? new Set([...applied, edit]) : applied,
      };
      const key = keyOf(open)(next);
      if (!seen.has(key)) all.push(next);
      seen.add(key);
    }
  }
  return all;
}

/** What is certain once the window of an edit is over. */
function close(ways: readonly Way[], open: Set<Edit>, instant: number): Way[] {
  let left = [...ways];
  for (const edit of open) {
    if (edit.until > instant) continue;
    if (edit.outcome === 'done') left = left.filter(({ applied }) => applied.has(edit));
    open.delete(edit);
    left = left.map(({ spec, applied }) => ({
      spec,
      applied: new Set([...applied].filter((other) => other !== edit)),
    }));
  }
  return unique(left, keyOf(open));
}

function keyOf(open: ReadonlySet<Edit>): (way: Way) => string {
  const order = [...open].filter(({ outcome }) => outcome === 'done');
  return ({ spec, applied }) =>
    JSON.stringify([spec.exists, spec.enabled, spec.cron, spec.timezone, order.map((edit) => applied.has(edit))]);
}

function unique<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()];
}
