import { z } from 'zod';
import { USAGE_GROUPINGS } from '@crewtab/domain/ports/usage-store';
import { countField, instantField, MAX_PAGE_SIZE } from './fields';
import { API_PATH, defineRoute } from './route';
import { costView } from './run-routes';
import { timezoneField } from './schedule-fields';

const MAX_SPAN_DAYS = 92;
/** Without `from` and `to`: so many days up to now. */
export const USAGE_DAYS = 30;
const DAY_MS = 86_400_000;

export const usageSumFields = {
  runs: z.int().meta({ description: 'In which an agent was given a turn, and which have ended.' }),
  inputTokens: z.int().nullable().meta({ description: 'What was reported, with what came from a cache.' }),
  outputTokens: z.int().nullable(),
  costs: z.array(costView).meta({ description: 'What was reported, one of each currency; empty: nothing was.' }),
  unknown: z
    .object({ tokens: z.int(), cost: z.int() })
    .meta({ description: 'Of how many of the runs nothing was reported.' }),
  incomplete: z
    .object({ tokens: z.int(), cost: z.int() })
    .meta({ description: 'Of how many a part was reported: the sum is at least so much.' }),
};

const date = z.iso.date().meta({ description: 'In `zone`.' });

const usageView = z
  .object({
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    zone: z.string(),
    by: z.enum(USAGE_GROUPINGS),
    total: z.object(usageSumFields),
    days: z.array(z.object({ date, from: z.iso.datetime(), to: z.iso.datetime(), ...usageSumFields })),
    groups: z
      .array(
        z.object({
          id: z
            .string()
            .nullable()
            .meta({ description: 'Of the schedule or the team; null: runs without a schedule, or a model.' }),
          name: z
            .string()
            .nullable()
            .meta({ description: "Of the schedule, the team or the model (or its preset's); null: not known." }),
          preset: z.string().nullable().meta({ description: 'By model only.' }),
          model: z.string().nullable().meta({ description: 'By model only.' }),
          ...usageSumFields,
          days: z.array(z.object({ date, ...usageSumFields })).meta({ description: 'Those with runs.' }),
        }),
      )
      .meta({ description: 'The highest cost first. By model, `runs` counts what each agent did in them.' }),
    others: z
      .object({ groups: z.int(), ...usageSumFields })
      .nullable()
      .meta({ description: 'All groups beyond `limit` together.' }),
  })
  .meta({ id: 'Usage' });

export type UsageAnswer = z.input<typeof usageView>;

export const getUsage = defineRoute({
  method: 'get',
  path: `${API_PATH}/usage`,
  operationId: 'getUsage',
  tag: 'Runs',
  role: 'member',
  summary: 'Tokens and cost, by day and by schedule, team or model',
  description: `Of the runs that were due in [from, to), at most ${MAX_SPAN_DAYS} days; left out: ${USAGE_DAYS} days, today with them. What no agent reported is unknown, and never 0.`,
  query: z
    .strictObject({
      from: instantField().optional(),
      to: instantField().optional(),
      zone: timezoneField.default('UTC').meta({ description: 'Whose midnights part the days.' }),
      by: z.enum(USAGE_GROUPINGS).default('schedule'),
      limit: countField(1, MAX_PAGE_SIZE).prefault('20').meta({ description: 'Groups that are told apart.' }),
    })
    .refine(({ from, to }) => !from || to, { path: ['to'], message: 'is needed with from' })
    .refine(({ from, to }) => from || !to, { path: ['from'], message: 'is needed with to' })
    .refine(({ from, to }) => !from || !to || from < to, { path: ['to'], message: 'must be later than from' })
    .refine(({ from, to }) => !from || !to || to.getTime() - from.getTime() <= MAX_SPAN_DAYS * DAY_MS, {
      path: ['to'],
      message: `must be within ${MAX_SPAN_DAYS} days of from`,
    }),
  answer: { status: 200, description: 'The sums.', view: usageView },
});

export const usageRoutes = [getUsage] as const;
