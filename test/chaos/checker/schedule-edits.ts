import type { ApiRequest, Evidence, ScheduleRow } from './evidence';

/** What decides when a schedule is due. */
export interface Spec {
  /** False before its creation and after its deletion. */
  readonly exists: boolean;
  readonly enabled: boolean;
  readonly cron: string;
  readonly timezone: string;
}

/** One change that a client asked for, and what is known of it. */
export interface Edit {
  /** It took effect not before this. */
  readonly from: number;
  /** ... and, if at all, not after this. */
  readonly until: number;
  readonly outcome: 'done' | 'refused' | 'unknown';
  readonly apply: (spec: Spec) => Spec;
}

/** How long a request without an answer may still take effect: longer than any fault holds a process or a line, ms. */
const MAY_STILL_ARRIVE_MS = 60_000;

export const NOT_THERE: Spec = { exists: false, enabled: false, cron: '', timezone: 'UTC' };

/**
 * Everything that was asked of a schedule, or null where its creation is not in the evidence and it was edited, so that
 * what it was before is unknown.
 */
export function editsOf(evidence: Evidence, schedule: ScheduleRow): Edit[] | null {
  const attempts = byAttempt(evidence.requests);
  const edits = attempts.flatMap((attempt) => toEdit(attempt, schedule) ?? []);
  const creation = attempts.find((attempt) => isCreationOf(attempt, schedule));
  if (creation) return [toCreation(creation, schedule), ...edits];
  return edits.length > 0 ? null : [asItStands(schedule)];
}

/** Requests with the same idempotency key are one change, whose effect lies between the first and the first success. */
function byAttempt(requests: readonly ApiRequest[]): ApiRequest[] {
  const merged = new Map<string, ApiRequest>();
  requests.forEach((request, index) => {
    const key = `${request.method} ${request.path} ${request.idempotencyKey ?? `#${index}`}`;
    const earlier = merged.get(key);
    if (!earlier) merged.set(key, request);
    else if (!isSuccess(earlier) && (isSuccess(request) || !isRefusal(request))) {
      merged.set(key, { ...request, at: earlier.at });
    }
  });
  return [...merged.values()];
}

function toEdit(request: ApiRequest, schedule: ScheduleRow): Edit | null {
  const [, id, verb] = /^(?:\/api\/v1)?\/schedules\/([^/?]+)(?:\/(pause|resume))?$/.exec(request.path) ?? [];
  if (id !== schedule.id) return null;
  const change = changeOf(request, verb);
  return change && { ...windowOf(request), apply: (spec) => (spec.exists ? { ...spec, ...change } : spec) };
}

function changeOf({ method, body }: ApiRequest, verb: string | undefined): Partial<Spec> | null {
  if (method === 'POST' && verb === 'pause') return { enabled: false };
  if (method === 'POST' && verb === 'resume') return { enabled: true };
  if (method === 'DELETE' && !verb) return NOT_THERE;
  if (method !== 'PATCH' || verb) return null;
  const { cron, timezone, enabled } = asObject(body);
  return {
    ...(typeof cron === 'string' ? { cron } : {}),
    ...(typeof timezone === 'string' ? { timezone } : {}),
    ...(typeof enabled === 'boolean' ? { enabled } : {}),
  };
}

function isCreationOf({ method, path, body, answer }: ApiRequest, schedule: ScheduleRow): boolean {
  if (method !== 'POST' || !/^(?:\/api\/v1)?\/schedules$/.test(path)) return false;
  const { id } = asObject(answer);
  return typeof id === 'string' ? id === schedule.id : asObject(body)['name'] === schedule.name;
}

/** The row is there, so it was done, answered or not. */
function toCreation(request: ApiRequest, { createdAt }: ScheduleRow): Edit {
  const { cron, timezone, enabled } = asObject(request.body);
  const spec: Spec = {
    exists: true,
    enabled: enabled !== false,
    cron: String(cron),
    timezone: typeof timezone === 'string' ? timezone : 'UTC',
  };
  const until = isSuccess(request) ? (request.answeredAt ?? createdAt) : createdAt + MAY_STILL_ARRIVE_MS;
  return { from: request.at, until, outcome: 'done', apply: () => spec };
}

/** No client is known to have made or changed it: it is as it always was. */
function asItStands({ createdAt, enabled, cron, timezone }: ScheduleRow): Edit {
  const spec: Spec = { exists: true, enabled, cron, timezone };
  return { from: createdAt, until: createdAt + 1_000, outcome: 'done', apply: () => spec };
}

function windowOf(request: ApiRequest): Pick<Edit, 'from' | 'until' | 'outcome'> {
  const until = request.answeredAt ?? request.at;
  // What another request has deleted before is deleted.
  if (isSuccess(request) || (request.method === 'DELETE' && request.status === 404))
    return { from: request.at, until, outcome: 'done' };
  if (isRefusal(request)) return { from: request.at, until, outcome: 'refused' };
  return { from: request.at, until: request.at + MAY_STILL_ARRIVE_MS, outcome: 'unknown' };
}

export function isSuccess({ status, answeredAt }: Pick<ApiRequest, 'status' | 'answeredAt'>): boolean {
  return answeredAt !== null && status !== null && status >= 200 && status < 300;
}

function isRefusal({ status, answeredAt }: ApiRequest): boolean {
  return answeredAt !== null && status !== null && status >= 400 && status < 500;
}

export function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
