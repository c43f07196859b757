import { z } from 'zod';
import { RUN_PHASES } from '@crewtab/domain/runs/run';
import { TIMELINE_SPANS } from '@crewtab/domain/runs/run-timeline';
import { idOf, instantField, PAGE_FIELDS } from './fields';
import { LIMITS } from './limits';
import { API_PATH, defineRoute, pageOf } from './route';
import { RUN_STATUSES } from './run-routes';
import { timezoneField } from './schedule-fields';
import { durationStats, runMark } from './schedule-routes';

const MAX_SPAN_MS = 62 * 86_400_000;
/** How many runs, and how many instants to come, a lane has one by one. */
export const LANE_MARKS = 500;
/** Into how many columns a lane with more of them is cut. */
export const LANE_COLUMNS = 120;
const HEATMAP_DAYS = 90;

const column = z.object({
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  counts: z.partialRecord(z.enum(RUN_STATUSES), z.int()),
});

export type TimelineColumn = z.input<typeof column>;

const lane = z.object({
  schedule: z.object({
    id: z.string(),
    name: z.string(),
    timezone: z.string(),
    enabled: z.boolean(),
    timeoutSeconds: z.number(),
  }),
  runs: z
    .array(runMark)
    .nullable()
    .meta({ description: `Oldest first; null where there are over ${LANE_MARKS}.` }),
  columns: z.array(column).nullable().meta({ description: 'In place of `runs`: how many of each status.' }),
  upcoming: z
    .array(z.iso.datetime())
    .meta({ description: `At which it will fire; where there are over ${LANE_MARKS}, the first of each column.` }),
  isUpcomingCut: z.boolean(),
  pauses: z.array(z.object({ from: z.iso.datetime(), to: z.iso.datetime().nullable(), note: z.string().nullable() })),
  zoneChanges: z.array(z.object({ at: z.iso.datetime(), from: z.string(), to: z.string() })),
  stats: durationStats,
});

export type TimelineLane = z.input<typeof lane>;

const heatmapView = z.object({
  zone: z.string(),
  since: z.iso.datetime(),
  cells: z.array(
    z.object({
      weekday: z.int().meta({ description: '1 is Monday, 7 Sunday.' }),
      hour: z.int(),
      counts: z.partialRecord(z.enum(RUN_STATUSES), z.int()),
    }),
  ),
});

export type HeatmapView = z.input<typeof heatmapView>;

const spanFields = { from: z.iso.datetime(), to: z.iso.datetime().nullable().meta({ description: 'Null: it lasts.' }) };

const timelineView = z
  .object({
    dueAt: z.iso.datetime(),
    phases: z.array(z.object({ phase: z.enum(RUN_PHASES).exclude(['finished']), ...spanFields })).meta({
      description: 'In order. A run that never began has none.',
    }),
    agents: z.array(
      z.object({
        name: z.string(),
        role: z.string(),
        startedAt: z.iso.datetime().nullable(),
        readyAt: z.iso.datetime().nullable().meta({ description: 'When it had answered the handshake.' }),
        endedAt: z.iso.datetime().nullable().meta({
          description: 'When it ended, or was ended since the work was over; null: it works, or its end is not known.',
        }),
        busy: z
          .array(z.object({ from: z.iso.datetime(), to: z.iso.datetime(), seq: z.int() }))
          .meta({ description: 'When it was heard of; breaks shorter than a fiftieth of the run are left out.' }),
      }),
    ),
    spans: z
      .array(
        z.object({
          kind: z.enum(['turn', 'delegation', 'tool']),
          seq: z.int().meta({ description: 'Of the message that began it.' }),
          agent: z.string().meta({ description: 'Of a delegation: who gave the task.' }),
          teammate: z.string().optional().meta({ description: 'Of a delegation: who got the task.' }),
          title: z
            .string()
            .meta({ description: "The beginning of the task, or the tool call's title; of a turn its id." }),
          ...spanFields,
          state: z.enum(['open', 'done', 'failed']),
        }),
      )
      .meta({ description: `At most ${TIMELINE_SPANS}, by their beginning.` }),
    omitted: z.int().meta({ description: 'Spans beyond that: the shortest tool calls are left out first.' }),
  })
  .meta({ id: 'RunTimeline' });

export type RunTimelineAnswer = z.input<typeof timelineView>;

const shared = { tag: 'Schedules', role: 'member', method: 'get' } as const;

export const getTimeline = defineRoute({
  ...shared,
  path: `${API_PATH}/timeline`,
  operationId: 'getTimeline',
  summary: 'Past runs and instants to come of all schedules, by name',
  query: z
    .strictObject({
      from: instantField(),
      to: instantField(),
      q: z.string({ error: 'must be given once' }).min(1).max(LIMITS.scheduleNameLength).optional(),
      ...PAGE_FIELDS,
    })
    .refine(({ from, to }) => from < to, { path: ['to'], message: 'must be later than from' })
    .refine(({ from, to }) => to.getTime() - from.getTime() <= MAX_SPAN_MS, {
      path: ['to'],
      message: 'must be within 62 days of from',
    }),
  answer: { status: 200, description: 'A page of schedules.', view: pageOf(lane) },
});

export const getHeatmap = defineRoute({
  ...shared,
  path: `${API_PATH}/stats/heatmap`,
  operationId: 'getHeatmap',
  summary: 'Runs by weekday, hour and status',
  query: z.strictObject({
    zone: timezoneField.default('UTC'),
    days: z
      .string({ error: 'must be given once' })
      .regex(/^[1-9]\d?$/, `must be a whole number from 1 to ${HEATMAP_DAYS}`)
      .transform(Number)
      .refine((days) => days <= HEATMAP_DAYS, `must be a whole number from 1 to ${HEATMAP_DAYS}`)
      .prefault('28'),
  }),
  answer: { status: 200, description: 'Hours in which something was due; the others are empty.', view: heatmapView },
});

export const getRunTimeline = defineRoute({
  ...shared,
  tag: 'Runs',
  path: `${API_PATH}/runs/:id/timeline`,
  params: { id: idOf('run') },
  operationId: 'getRunTimeline',
  summary: 'How a run spent its time: its phases, and the turns, tasks and tool calls of its agents',
  answer: { status: 200, description: 'The timeline.', view: timelineView },
});

export const timelineRoutes = [getTimeline, getHeatmap, getRunTimeline] as const;
