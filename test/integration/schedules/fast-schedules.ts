import { setTimeout as delay } from 'node:timers/promises';
import type { DueSchedule, FirePlan, FirePlanner, PlannedRow, SkipReason } from '@crewtab/domain/ports/fire-store';
import { ScheduleDueError } from '@crewtab/domain/ports/management-store';
import { decideOverlap } from '@crewtab/domain/schedules/overlap';
import type { Store } from '@crewtab/store-prisma/open-store';

/**
 * Schedules that fire every few milliseconds, so that thousands of instants meet thousands of edits within seconds: the
 * store does not read crons, and here "cron" is the distance of two instants, counted from the epoch.
 */

export function firstAfter(stepMs: number, after: Date): Date {
  return new Date((Math.floor(after.getTime() / stepMs) + 1) * stepMs);
}

export function instantsAfter(stepMs: number, after: Date): { nextFireAt: Date; followingFireAt: Date } {
  const nextFireAt = firstAfter(stepMs, after);
  return { nextFireAt, followingFireAt: firstAfter(stepMs, nextFireAt) };
}

/** Every due instant fires, as the overlap policy has it. */
export const planFast: FirePlanner = (due: DueSchedule): FirePlan => {
  const stepMs = Number(due.cron);
  const rows: PlannedRow[] = [];
  let at = due.nextFireAt;
  let active = due.activeRuns;
  let cancelActive = false;
  let blockedBy: SkipReason['blockedBy'] = due.oldestActiveRunId === null ? null : { runId: due.oldestActiveRunId };
  for (; at <= due.now; at = firstAfter(stepMs, at)) {
    const decision = decideOverlap(due.overlap, active);
    const isSkipped = decision === 'skip';
    cancelActive ||= decision === 'replace';
    if (!isSkipped) active++;
    const reason = isSkipped ? ({ code: 'overlap_skipped', message: 'busy', blockedBy } as const) : null;
    blockedBy ??= { scheduledFor: at };
    rows.push({ scheduledFor: at, trigger: 'schedule', status: isSkipped ? 'skipped' : 'queued', reason });
  }
  return { rows, cancelActive, nextFireAt: at, followingFireAt: firstAfter(stepMs, at) };
};

/** What a firing app does, over and over: the hot path, the general path, planning ahead. */
export async function keepFiring({ fires }: Store, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await fires.firePunctual({ lateAfterMs: 60_000, limit: 100 });
    while (!isOver() && (await fires.fireOne(planFast)));
    const unplanned = await fires.findUnplanned(100);
    await fires.savePlanned(
      unplanned.map(({ scheduleId, specVersion, cron, nextFireAt: basedOn, now }) => {
        const nextFireAt = basedOn ?? firstAfter(Number(cron), now);
        return { scheduleId, specVersion, basedOn, nextFireAt, followingFireAt: firstAfter(Number(cron), nextFireAt) };
      }),
    );
    await delay(1);
  }
}

/** As the API edits: what is due is recorded first, by the first caller. */
export async function editOnceRecorded<T>({ fires }: Store, edit: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await edit();
    } catch (error) {
      if (!(error instanceof ScheduleDueError)) throw error;
      await fires.fireOne(planFast, { only: error.scheduleId });
    }
  }
}
