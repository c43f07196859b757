import { createHash } from 'node:crypto';
import type { ErrorCode } from '@crewtab/domain/errors';
import type { RunPhase, RunStatus, RunTrigger } from '@crewtab/domain/runs/run';
import type { ReportedUsage } from '@crewtab/domain/runs/usage';
import { parseCron } from '@crewtab/domain/schedules/cron';
import { occurrencesBetween } from '@crewtab/domain/schedules/next-fire';
import { SeededRandom } from '../random';
import { DEMO_FAILURES, DEMO_SCHEDULES, DEMO_TEAMS, type DemoSchedule, type DemoTeam } from './demo-content';
import { makeTalk, type DemoTalk } from './demo-conversation';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const HISTORY_DAYS = 30;
/** No scheduler was running then: so many days ago, from and to in minutes of the UTC day. */
const OUTAGE = { daysAgo: 8, fromMinute: 70, toMinute: 290 } as const;

export interface DemoRun {
  readonly id: string;
  readonly schedule: DemoSchedule;
  readonly team: DemoTeam;
  readonly trigger: RunTrigger;
  readonly status: RunStatus;
  readonly phase: RunPhase;
  readonly scheduledFor: Date;
  readonly queuedAt: Date;
  readonly startedAt: Date | null;
  /** When the prompt was sent. */
  readonly promptAt: Date | null;
  readonly finishedAt: Date | null;
  readonly result: string | null;
  readonly error: { readonly code: ErrorCode; readonly message: string } | null;
  readonly blockedBy: string | null;
  readonly gap: { readonly from: Date; readonly to: Date } | null;
  readonly talk: DemoTalk;
}

/** What each agent of a run has reported, by its name; those that report nothing are left out. */
export function usagesOf({
  id,
  status,
  team,
  startedAt,
  promptAt,
  finishedAt,
  talk,
}: DemoRun): Map<string, ReportedUsage> {
  const random = SeededRandom.named(id);
  const usages = new Map<string, ReportedUsage>();
  if (!startedAt || !promptAt) return usages;
  const minutes =
    (finishedAt ?? new Date(promptAt.getTime() + 8 * MINUTE_MS)).getTime() / MINUTE_MS -
    startedAt.getTime() / MINUTE_MS;
  for (const { name, role, preset } of team.agents) {
    const wasAsked = role === 'leader' || talk.delegations.some(({ to }) => to === name);
    if (preset === undefined || !wasAsked) continue;
    const inputTokens = Math.round((20_000 + minutes * 9_000) * (0.6 + random.next()));
    const outputTokens = Math.round(inputTokens * (0.02 + 0.05 * random.next()));
    const amount = Math.round((inputTokens * 1.1 + outputTokens * 15) / 1_000) / 1_000;
    const turns = status === 'success' || status === 'failed' ? 1 : 0;
    const cost = preset === 'claude-code' ? { amount, currency: 'USD' } : null;
    usages.set(name, {
      ...(turns === 0 ? { inputTokens: null, outputTokens: null } : { inputTokens, outputTokens }),
      ...{ cost, turns, countedTurns: turns },
    });
  }
  return usages;
}

const SILENCE: DemoTalk = { messages: [], delegations: [] };

const WORDS = {
  timeout: { code: 'timeout', message: 'the deadline passed' },
  cancelled: { code: 'cancelled', message: 'cancelled on request' },
  replaced: { code: 'replaced', message: 'a newer run of the schedule took its place' },
  skipped: {
    code: 'overlap_skipped',
    message: 'an earlier run of the schedule was still active (overlap policy "skip")',
  },
  missed: {
    code: 'missed',
    message: 'no process was there to fire it in time, and the catch-up policy did not ask for it afterwards',
  },
} as const;

/** A month of runs up to `now`, oldest first: the same for the same instant. */
export function makeHistory(now: Date): DemoRun[] {
  return DEMO_SCHEDULES.flatMap((schedule) => historyOf(schedule, now)).sort(
    (one, other) => one.scheduledFor.getTime() - other.scheduledFor.getTime(),
  );
}

/** Since when it fires no more. */
export function pausedAt({ revisions = [] }: DemoSchedule, now: Date): Date | null {
  const pause = revisions.findLast(({ was }) => was.enabled);
  return pause ? new Date(now.getTime() - pause.daysAgo * DAY_MS) : null;
}

function historyOf(schedule: DemoSchedule, now: Date): DemoRun[] {
  const random = SeededRandom.named(schedule.name);
  const parsed = parseCron(schedule.cron);
  if (!parsed.ok) throw new Error(`${schedule.cron}: ${parsed.message}`);
  const since = new Date(now.getTime() - HISTORY_DAYS * DAY_MS);
  // Whatever began before that has ended by now.
  const until = pausedAt(schedule, now) ?? new Date(now.getTime() - (schedule.timeoutMinutes + 1) * MINUTE_MS);
  const instants = occurrencesBetween(parsed.cron, schedule.timezone, since, until, 10_000);
  const runs: DemoRun[] = [];
  for (const [index, at] of instants.entries()) {
    const isNewest = index === instants.length - 1;
    runs.push(
      makeRun(
        random,
        schedule,
        at,
        now,
        isNewest,
        runs.findLast(({ status }) => status === 'success'),
      ),
    );
  }
  if (schedule.newest === 'running') runs.push(...activeRuns(random, schedule, now));
  return runs;
}

function makeRun(
  random: SeededRandom,
  schedule: DemoSchedule,
  at: Date,
  now: Date,
  isNewest: boolean,
  before: DemoRun | undefined,
): DemoRun {
  const outage = outageBefore(now);
  const wasDown = at >= outage.from && at < outage.to;
  const chosen = isNewest && schedule.newest && schedule.newest !== 'running' ? schedule.newest : null;
  if (wasDown && schedule.catchUp === 'none') return neverBegan(schedule, at, 'missed', { gap: outage });
  if (chosen === 'missed') {
    const gap = { from: new Date(at), to: new Date(at.getTime() + 47 * MINUTE_MS) };
    return neverBegan(schedule, at, 'missed', { gap });
  }
  const outcome = chosen ?? (isNewest ? 'success' : random.weighted({ ...schedule.outcomes }));
  if (outcome === 'skipped') return neverBegan(schedule, at, 'skipped', { blockedBy: before?.id ?? null });
  const queuedAt = wasDown ? outage.to : new Date(at.getTime() + random.int(1, 9));
  const trigger: RunTrigger = wasDown ? 'catchup' : random.isTrue(0.03) && !isNewest ? 'rerun' : 'schedule';
  const startedAt = new Date(queuedAt.getTime() + random.int(40, 900));
  const promptAt = new Date(startedAt.getTime() + random.int(1_200, 4_800));
  const spread = 0.5 + random.next() * random.next() * 3;
  const timeoutMs = schedule.timeoutMinutes * MINUTE_MS;
  const workMs =
    outcome === 'timeout' ? timeoutMs : Math.min(timeoutMs * 0.9, schedule.typicalSeconds * 1_000 * spread);
  const finishedAt = new Date(Math.round(startedAt.getTime() + workMs));
  const result = outcome === 'success' ? random.pick(schedule.results) : null;
  const error = outcome === 'success' ? null : errorOf(random, schedule, outcome);
  const end = error && `The run ends as ${outcome}: ${error.message} (${error.code}).`;
  const team = teamOf(schedule);
  const talk = makeTalk(random, { team, schedule, promptAt, until: finishedAt, result, end });
  const base = { schedule, team, trigger, scheduledFor: at, queuedAt, startedAt, promptAt, finishedAt, result, error };
  return {
    ...base,
    id: idOf(queuedAt, schedule.name),
    status: outcome,
    phase: 'finished',
    blockedBy: null,
    gap: null,
    talk,
  };
}

/** One that works, and one that waits for a worker. */
function activeRuns(random: SeededRandom, schedule: DemoSchedule, now: Date): DemoRun[] {
  const team = teamOf(schedule);
  const at = new Date(Math.floor(now.getTime() / MINUTE_MS - 12) * MINUTE_MS);
  const base = { schedule, team, finishedAt: null, result: null, error: null, blockedBy: null, gap: null };
  const startedAt = new Date(at.getTime() + 320);
  const promptAt = new Date(at.getTime() + 4_100);
  const until = new Date(now.getTime() - 8_000);
  const talk = makeTalk(random, { team, schedule, promptAt, until, result: null, end: null });
  const begun = { startedAt, promptAt, queuedAt: at, scheduledFor: at, talk };
  const waits = new Date(now.getTime() - 95_000);
  const waiting = { startedAt: null, promptAt: null, queuedAt: waits, scheduledFor: waits, talk: SILENCE };
  return [
    { ...base, ...begun, id: idOf(at, schedule.name), trigger: 'manual', status: 'running', phase: 'monitoring' },
    { ...base, ...waiting, id: idOf(waits, schedule.name), trigger: 'manual', status: 'queued', phase: 'queued' },
  ];
}

function neverBegan(
  schedule: DemoSchedule,
  at: Date,
  status: 'skipped' | 'missed',
  why: Partial<Pick<DemoRun, 'blockedBy' | 'gap'>>,
): DemoRun {
  const noticedAt = why.gap?.to ?? new Date(at.getTime() + 4);
  return {
    ...{ id: idOf(noticedAt, `${schedule.name} ${at.toISOString()}`), schedule, team: teamOf(schedule) },
    ...{ trigger: 'schedule', status, phase: 'finished', scheduledFor: at, queuedAt: noticedAt, finishedAt: noticedAt },
    ...{ startedAt: null, promptAt: null, result: null, error: WORDS[status], talk: SILENCE },
    ...{ blockedBy: why.blockedBy ?? null, gap: why.gap ?? null },
  };
}

function errorOf(
  random: SeededRandom,
  schedule: DemoSchedule,
  outcome: 'failed' | 'timeout' | 'cancelled' | 'missed',
): { readonly code: ErrorCode; readonly message: string } {
  if (outcome === 'cancelled') return schedule.overlap === 'replace' ? WORDS.replaced : WORDS.cancelled;
  if (outcome !== 'failed') return WORDS[outcome];
  const [code, message] = random.pick(DEMO_FAILURES);
  return { code, message };
}

function teamOf(schedule: DemoSchedule): DemoTeam {
  const team = DEMO_TEAMS.find(({ key }) => key === schedule.team);
  if (!team) throw new Error(`there is no team ${schedule.team}`);
  return team;
}

function outageBefore(now: Date): { readonly from: Date; readonly to: Date } {
  const day = Math.floor(now.getTime() / DAY_MS - OUTAGE.daysAgo) * DAY_MS;
  return { from: new Date(day + OUTAGE.fromMinute * MINUTE_MS), to: new Date(day + OUTAGE.toMinute * MINUTE_MS) };
}

/** A UUIDv7 of that instant whose other digits follow from the name. */
export function idOf(at: Date, name: string): string {
  const hash = createHash('sha256').update(`${at.getTime()} ${name}`).digest('hex');
  const time = at.getTime().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hash.slice(0, 3)}-8${hash.slice(3, 6)}-${hash.slice(6, 18)}`;
}
