import { API_PATH, type HttpSettings } from '../http-deps';
import type { Operation } from '../openapi/operation';
import { emptyBody, runListQuery } from '../runs/run-schemas';
import { scheduleSchemas } from './schedule-schemas';

type Schemas = ReturnType<typeof scheduleSchemas>;

const PATH = `${API_PATH}/schedules`;
const TAG = 'Schedules';

export const SCHEDULE_EXAMPLE = {
  teamId: '0198c0de-0000-7000-8000-000000000001',
  name: 'Weekday report',
  prompt: 'Write a report on what happened since yesterday.',
  cron: '0 9 * * 1-5',
  timezone: 'Europe/Berlin',
  timeout: '30m',
  overlap: 'skip',
};

export function scheduleOperations(settings: Pick<HttpSettings, 'defaultTimeoutMs' | 'maxTimeoutMs'>): Operation[] {
  const schemas = scheduleSchemas(settings);
  return [...crud(schemas), ...switches(schemas), ...instants(schemas), ...runs()];
}

function crud(schemas: Schemas): Operation[] {
  const one = { ref: 'Schedule' };
  return [
    {
      method: 'post',
      path: PATH,
      id: 'createSchedule',
      tag: TAG,
      summary: 'Create a schedule',
      body: { schema: schemas.create, example: SCHEDULE_EXAMPLE },
      answer: { status: 201, description: 'The schedule.', schema: one },
      errors: ['not_found'],
    },
    {
      method: 'get',
      path: PATH,
      id: 'listSchedules',
      tag: TAG,
      summary: 'List schedules, newest first',
      query: schemas.list,
      answer: { status: 200, description: 'A page of schedules.', schema: { pageOf: 'Schedule' } },
    },
    {
      method: 'get',
      path: `${PATH}/{id}`,
      id: 'getSchedule',
      tag: TAG,
      summary: 'Get a schedule',
      answer: { status: 200, description: 'The schedule.', schema: one },
    },
    {
      method: 'patch',
      path: `${PATH}/{id}`,
      id: 'updateSchedule',
      tag: TAG,
      summary: 'Change some fields of a schedule',
      description: 'Fields left out stay as they are. Runs that have begun keep what they started with.',
      body: { schema: schemas.patch, example: { cron: '30 8 * * 1-5', timeout: '45m' } },
      answer: { status: 200, description: 'The schedule as it is now.', schema: one },
    },
    {
      method: 'delete',
      path: `${PATH}/{id}`,
      id: 'deleteSchedule',
      tag: TAG,
      summary: 'Delete a schedule',
      answer: { status: 204, description: 'It is gone; its runs stay readable and those that are active go on.' },
    },
  ];
}

function switches(schemas: Schemas): Operation[] {
  return (['pause', 'resume'] as const).map((word) => ({
    method: 'post',
    path: `${PATH}/{id}/${word}`,
    id: `${word}Schedule`,
    tag: TAG,
    summary: word === 'pause' ? 'Stop future fires; live runs go on' : 'Fire again from now on',
    body: { schema: schemas.note, isOptional: true, example: { note: 'on holiday' } },
    answer: { status: 200, description: 'The schedule as it is now.', schema: { ref: 'Schedule' } },
  }));
}

function instants(schemas: Schemas): Operation[] {
  const answer = {
    status: 200,
    description: 'What the cron expression means, and its next instants.',
    schema: { ref: 'Occurrences' },
  } as const;
  return [
    {
      method: 'get',
      path: `${PATH}/preview`,
      id: 'previewCron',
      tag: TAG,
      summary: 'What a cron expression would mean, before anything is stored',
      query: schemas.preview,
      answer,
    },
    {
      method: 'get',
      path: `${PATH}/{id}/upcoming`,
      id: 'getUpcoming',
      tag: TAG,
      summary: 'The next instants at which a schedule fires; none while it is paused',
      query: schemas.upcoming,
      answer,
    },
  ];
}

function runs(): Operation[] {
  return [
    {
      method: 'post',
      path: `${PATH}/{id}/trigger`,
      id: 'triggerSchedule',
      tag: TAG,
      summary: 'Run now',
      description:
        'Also while the schedule is paused. Under overlap `skip` with an active run the new one is recorded as `skipped`.',
      body: { schema: emptyBody, isOptional: true },
      answer: { status: 202, description: 'The run.', schema: { ref: 'ScheduleRun' } },
    },
    {
      method: 'get',
      path: `${PATH}/{id}/runs`,
      id: 'listRunsOfSchedule',
      tag: TAG,
      summary: 'The history of a schedule, newest first',
      query: runListQuery,
      answer: { status: 200, description: 'A page of runs.', schema: { pageOf: 'ScheduleRun' } },
    },
  ];
}
