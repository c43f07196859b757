import { isConcluded, type RunPhase } from './run';

/** Of spans an answer names so many. */
export const TIMELINE_SPANS = 2_000;

/** How a run spent its time: what its page draws without reading the conversation. */
export interface RunTimeline {
  readonly dueAt: Date;
  /** In order; the last one of a run that goes on has no end. */
  readonly phases: readonly PhaseSpan[];
  readonly agents: readonly AgentLane[];
  /** By their beginning. */
  readonly spans: readonly TimelineSpan[];
  /** Spans beyond `TIMELINE_SPANS`: the shortest tool calls are left out first. */
  readonly omitted: number;
}

export interface PhaseSpan {
  readonly phase: Exclude<RunPhase, 'finished'>;
  readonly from: Date;
  /** Null: it lasts. */
  readonly to: Date | null;
}

export interface AgentLane {
  readonly name: string;
  readonly role: string;
  readonly startedAt: Date | null;
  readonly readyAt: Date | null;
  /** When it ended, or was ended since the work was over; null: it works, or its end is not known. */
  readonly endedAt: Date | null;
  /** When it was heard of, in order; breaks shorter than `BREAK_SHARE` of the run are left out. */
  readonly busy: readonly BusyStretch[];
}

export interface BusyStretch {
  readonly from: Date;
  readonly to: Date;
  /** Of the first message. */
  readonly seq: number;
}

export interface TimelineSpan {
  readonly kind: 'turn' | 'delegation' | 'tool';
  /** Of the message that began it. */
  readonly seq: number;
  /** Of a delegation: who gave the task. */
  readonly agent: string;
  /** Of a delegation: who got the task. */
  readonly to?: string;
  /** In the agent's words; of a turn its id. */
  readonly title: string;
  readonly from: Date;
  /** Null: it lasts. */
  readonly until: Date | null;
  readonly state: 'open' | 'done' | 'failed';
}

/** When a run came into each of its phases; null: it did not, or that was not stored. */
export interface PhaseInstants {
  readonly phase: RunPhase;
  readonly queuedAt: Date;
  readonly startedAt: Date | null;
  readonly permittedAt: Date | null;
  readonly sentAt: Date | null;
  /** When its work was over and its verification began. */
  readonly workEndedAt: Date | null;
  readonly concludedAt: Date | null;
  readonly teardownBegunAt: Date | null;
  /** When nothing was left, or its host was given up. */
  readonly removedAt: Date | null;
  readonly finishedAt: Date | null;
}

export function phasesOf(run: PhaseInstants): PhaseSpan[] {
  const { phase, startedAt, concludedAt, teardownBegunAt, finishedAt } = run;
  // Skipped and missed runs were finished as they were made.
  if (startedAt === null && phase === 'finished' && run.queuedAt >= (finishedAt ?? run.queuedAt)) return [];
  const isCollecting =
    phase === 'collecting' || (concludedAt !== null && concludedAt < (teardownBegunAt ?? concludedAt));
  const begun: readonly (readonly [PhaseSpan['phase'], Date | null])[] = [
    ['queued', run.queuedAt],
    ['deploying', startedAt],
    ['prompting', run.permittedAt],
    ['monitoring', run.sentAt],
    ['verifying', run.workEndedAt],
    ['collecting', isCollecting ? concludedAt : null],
    // An earlier version did not store when it began.
    ['tearing_down', teardownBegunAt ?? (phase === 'tearing_down' || phase === 'finished' ? concludedAt : null)],
  ];
  const stretches = begun.flatMap(([name, from]) => (from === null ? [] : [{ phase: name, from }]));
  const end = phase === 'finished' ? (run.removedAt ?? finishedAt) : null;
  return stretches.map((stretch, at) => ({ ...stretch, to: stretches[at + 1]?.from ?? end }));
}

/** Breaks in what is heard of an agent that are shorter than this share of the run are none. */
const BREAK_SHARE = 0.02;

/** Joins what is close together. `heard` is in the order of time. */
export function joinBusy(heard: readonly BusyStretch[], spanMs: number): BusyStretch[] {
  const joined: BusyStretch[] = [];
  for (const { from, to, seq } of heard) {
    const last = joined.at(-1);
    if (last && from.getTime() - last.to.getTime() <= spanMs * BREAK_SHARE)
      joined[joined.length - 1] = { ...last, to: to > last.to ? to : last.to };
    else joined.push({ from, to, seq });
  }
  return joined;
}

/** Of a run whose work is over nothing goes on: what was not ended then ended with it. */
export function isWorkOver(phase: RunPhase): boolean {
  return phase === 'verifying' || isConcluded(phase);
}
