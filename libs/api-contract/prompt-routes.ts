import { z } from 'zod';
import { VARIABLE_NAME } from '@crewtab/domain/runs/prompt-facts';
import { idOf, line, text } from './fields';
import { LIMITS } from './limits';
import { API_PATH, defineRoute } from './route';
import { cronField, timezoneField } from './schedule-fields';

export const PROMPT_FORMATS = ['template', 'plain'] as const;

export const promptFormatField = z.enum(PROMPT_FORMATS).meta({
  description:
    'template: rendered once, when the run begins, with scheduledFor, window, lastRun, run, schedule and variables. plain: as it is.',
});

export const variablesField = z
  .record(
    z
      .string()
      .regex(VARIABLE_NAME, 'is not a name for a variable: letters, digits and "_", not beginning with a digit'),
    z.union([text(0, LIMITS.promptVariableLength), z.number(), z.boolean()], {
      error: 'must be a text, a number, true or false',
    }),
  )
  .refine(
    (entries) => Object.keys(entries).length <= LIMITS.promptVariables,
    `must have at most ${LIMITS.promptVariables} variables`,
  )
  .meta({ description: 'What the template names as variables.<name>.' });

const promptField = text(1, LIMITS.promptLength);

const renderedView = z.object({
  prompt: z.string(),
  scheduledFor: z.iso.datetime(),
  window: z.object({ start: z.iso.datetime(), end: z.iso.datetime() }),
});

export type RenderedView = z.input<typeof renderedView>;

const shared = { tag: 'Schedules', role: 'member', method: 'post' } as const;
const answer = { status: 200, description: 'The prompt.', view: renderedView } as const;

export const renderSchedule = defineRoute({
  ...shared,
  path: `${API_PATH}/schedules/:id/render`,
  params: { id: idOf('schedule') },
  operationId: 'renderSchedule',
  summary: 'The prompt that the next run of a schedule would get',
  description:
    'Nothing is stored. What is sent stands in for what the schedule has. The run is the next one that is due; of a paused schedule, one that begins now.',
  body: {
    schema: z.strictObject({
      prompt: promptField.optional(),
      promptFormat: promptFormatField.optional(),
      variables: variablesField.optional(),
    }),
    isOptional: true,
    example: { prompt: 'What happened since {{ window.start | date: "%d %B" }}?' },
  },
  answer,
});

export const renderPrompt = defineRoute({
  ...shared,
  path: `${API_PATH}/render`,
  operationId: 'renderPrompt',
  summary: 'The prompt that the first run of a schedule would get, before anything is stored',
  body: {
    schema: z.strictObject({
      prompt: promptField,
      promptFormat: promptFormatField.default('template'),
      variables: variablesField.default({}),
      name: line(1, LIMITS.scheduleNameLength).default('Schedule'),
      cron: cronField.optional().meta({ description: 'When its first run is due; default now.' }),
      timezone: timezoneField.default('UTC'),
    }),
    example: { prompt: 'Look at {{ variables.repository }}.', variables: { repository: 'web' } },
  },
  answer,
});

export const promptRoutes = [renderSchedule, renderPrompt] as const;
