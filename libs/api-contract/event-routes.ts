import { z } from 'zod';
import { isWithinCalendar } from '@crewtab/domain/calendar-bounds';
import type { EventCursor } from '@crewtab/domain/ports/run-event-log';
import { RUN_EVENT_TYPES } from '@crewtab/domain/runs/run-event';
import { RUN_PHASES } from '@crewtab/domain/runs/run';
import { isResourceId } from './fields';
import { API_PATH, defineRoute } from './route';
import { RUN_STATUSES, RUN_TRIGGERS, usedView } from './run-routes';

/** `17-1764528000123`: position and instant of an event, as the stream gives them out; `0` is the beginning. */
const CURSOR = /^(\d{1,15})(?:-(\d{1,15}))?$/;

export function formatEventCursor({ position, at }: EventCursor): string {
  return at ? `${position}-${at.getTime()}` : String(position);
}

const cursor = z
  .string({ error: 'must be given once' })
  .transform((text, context): EventCursor => {
    const [, position, ms] = CURSOR.exec(text) ?? [];
    const at = ms === undefined ? null : new Date(Number(ms));
    if (position !== undefined && (!at || isWithinCalendar(at))) return { position: Number(position), at };
    context.addIssue({ code: 'custom', message: 'is not an id of this stream' });
    return z.NEVER;
  })
  .meta({ pattern: CURSOR.source });

const eventsQuery = z.strictObject({
  scheduleId: z
    .string({ error: 'must be given once' })
    .refine(isResourceId, 'is not an id')
    .toLowerCase()
    .optional()
    .meta({ description: 'Events of this schedule only.' }),
  type: z.enum(RUN_EVENT_TYPES).optional().meta({ description: 'Events of this type only.' }),
  after: cursor.optional().meta({
    description: 'The id of an event: starts behind it. `0` is the beginning; left out, the stream starts now.',
  }),
});

const lastEventId = z.object({
  'Last-Event-ID': cursor
    .optional()
    .meta({ description: 'The id of the last event that was received; wins over `after`.' }),
});

const runState = z.object({ status: z.enum(RUN_STATUSES), phase: z.enum(RUN_PHASES) });
const instant = z.iso.datetime();
const ms = z.int().optional();

/** One change of one run. */
export const runEventView = z
  .object({
    type: z.enum(RUN_EVENT_TYPES),
    at: instant.meta({ description: 'When the transaction of the change began; events come in the order of commits.' }),
    scheduleId: z.string().nullable().meta({ description: 'Null of a run without a schedule.' }),
    runId: z.string(),
    data: z.object({
      epoch: z.int().meta({ description: 'Grows with every claim of the run.' }),
      from: runState.optional().meta({ description: 'Moves: absent when the run is made.' }),
      to: runState.optional(),
      trigger: z.enum(RUN_TRIGGERS).optional(),
      scheduledFor: instant.optional(),
      error: z.object({ code: z.string(), message: z.string() }).optional(),
      warnings: z.array(z.string()).readonly().optional().meta({
        description: 'When the outcome is decided: the codes of its warnings, where there are any.',
      }),
      blockedBy: z.string().optional().meta({ description: '`skipped`: the run that was in its way.' }),
      gap: z.object({ from: instant, to: instant }).optional().meta({
        description: '`missed`: from the first instant that no scheduler fired in time until this was noticed.',
      }),
      host: z.string().optional(),
      fromOwner: z.string().nullable().optional(),
      toOwner: z.string().optional(),
      code: z.string().optional(),
      attempts: z.int().optional(),
      by: z.string().optional(),
      usage: usedView.optional().meta({ description: 'When it has ended for good: what is known of what it used.' }),
      lagMs: ms,
      queuedMs: ms,
      deployMs: ms,
      runMs: ms,
      teardownMs: ms,
    }),
  })
  .meta({ id: 'RunEvent' });

export type RunEventView = z.input<typeof runEventView>;

const positionView = z
  .object({ position: z.string().meta({ description: "Also the event's id: what to come back with." }) })
  .meta({ id: 'EventPosition' });

export const streamEvents = defineRoute({
  method: 'get',
  path: `${API_PATH}/events`,
  operationId: 'streamEvents',
  tag: 'Events',
  role: 'member',
  summary: 'What happens to the runs of the organization, as server-sent events',
  description: [
    `Events: ${RUN_EVENT_TYPES.map((type) => `\`${type}\``).join(', ')} (data: a RunEvent), in one order for all readers.`,
    'Starts behind `Last-Event-ID`, or `after`; without either, `position` comes first and tells where the stream starts.',
    '`reset` means that the place is lost (the event was removed, or the database restored): read what you show anew, and go on from there.',
    'A comment line comes every 15 s without news. The stream ends when its process shuts down; come back with the last id.',
  ].join('\n'),
  query: eventsQuery,
  headers: lastEventId,
  answer: {
    status: 200,
    description: 'The stream, which has no end.',
    events: {
      ...Object.fromEntries(RUN_EVENT_TYPES.map((type) => [type, runEventView])),
      position: positionView,
      reset: positionView,
    },
  },
});

export const eventRoutes = [streamEvents] as const;
