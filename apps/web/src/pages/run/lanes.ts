import type { RunTimeline } from '../../api/client';
import { formatSpan } from '../../time/format-time';

/** A stretch of time, ms since the epoch. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** What of a lane can be pointed at; it leads to a message. */
export interface LaneMark extends Stretch {
  readonly kind: 'busy' | 'tool' | 'task';
  readonly seq: number;
  readonly isFailed: boolean;
  /** Of a task: whose it is. */
  readonly teammate: string | null;
  readonly title: string;
}

export interface Lane {
  readonly agent: string;
  /** From its start to its end; null: it was never started. */
  readonly life: Stretch | null;
  /** By their beginning. */
  readonly marks: readonly LaneMark[];
}

/** One lane for each agent, in the order of the team. What lasts ends with the axis. */
export function lanesOf({ agents, spans }: RunTimeline, { to }: Stretch): readonly Lane[] {
  return agents.map(({ name, startedAt, endedAt, busy }) => {
    const heard = busy.map((stretch): LaneMark => ({
      ...{ kind: 'busy', seq: stretch.seq, isFailed: false, teammate: null, title: 'at work' },
      ...{ from: Date.parse(stretch.from), to: Date.parse(stretch.to) },
    }));
    const own = spans.flatMap((span): LaneMark[] => {
      if (span.agent !== name || span.kind === 'turn') return [];
      return [
        {
          ...{ kind: span.kind === 'tool' ? 'tool' : 'task', seq: span.seq, isFailed: span.state === 'failed' },
          ...{ teammate: span.teammate ?? null, title: span.title || 'tool' },
          ...{ from: Date.parse(span.from), to: span.to === null ? to : Date.parse(span.to) },
        },
      ];
    });
    const life =
      startedAt === null ? null : { from: Date.parse(startedAt), to: endedAt === null ? to : Date.parse(endedAt) };
    return {
      agent: name,
      life,
      marks: [...heard, ...own].sort((one, other) => one.from - other.from || one.seq - other.seq),
    };
  });
}

/** `⇢ checker, 3 m 12 s: try all links` */
export function describeMark({ kind, teammate, title, from, to, isFailed }: LaneMark, start: number): string {
  const what = kind === 'busy' ? title : kind === 'task' ? `⇢ ${teammate ?? ''}: ${title}` : title;
  return `+${formatSpan(from - start)}, ${formatSpan(to - from)}${isFailed ? ', failed' : ''}: ${what}`;
}

/** The mark that is meant by a place: the shortest that is there, else the nearest one. */
export function markAt(marks: readonly LaneMark[], at: number, slackMs: number): number {
  let best = -1;
  let bestCost = Number.POSITIVE_INFINITY;
  for (const [index, { from, to }] of marks.entries()) {
    const distance = at < from ? from - at : at > to ? at - to : 0;
    // Whatever is within reach goes by its length, all else by its distance.
    const cost = distance <= slackMs ? to - from : 1e15 + distance;
    if (cost < bestCost) [best, bestCost] = [index, cost];
  }
  return best;
}
