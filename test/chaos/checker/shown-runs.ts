import { asObject } from './schedule-edits';

interface ShownRun {
  readonly id: string;
  readonly status: string;
}

interface ShownSchedule {
  readonly id: string;
  readonly status: string;
}

/** The runs in an answer of the API: the answer itself, or the items of a page. */
export function runsShownIn(answer: unknown): ShownRun[] {
  return objectsIn(answer).flatMap(({ id, status, scheduleId }) =>
    typeof id === 'string' && typeof status === 'string' && typeof scheduleId === 'string' ? [{ id, status }] : [],
  );
}

/** The schedules in an answer of the API. */
export function schedulesShownIn(answer: unknown): ShownSchedule[] {
  return objectsIn(answer).flatMap(({ id, status, cron }) =>
    typeof id === 'string' && typeof status === 'string' && typeof cron === 'string' ? [{ id, status }] : [],
  );
}

function objectsIn(answer: unknown): Record<string, unknown>[] {
  const { items } = asObject(answer);
  return Array.isArray(items) ? items.map(asObject) : [asObject(answer)];
}
