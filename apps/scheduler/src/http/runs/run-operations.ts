import { API_PATH } from '../http-deps';
import type { Operation } from '../openapi/operation';
import { emptyBody, eventsQuery, messageListQuery, runListQuery } from './run-schemas';

const PATH = `${API_PATH}/runs`;
const TAG = 'Runs';
const ONE = { ref: 'ScheduleRun' };

export const RUN_OPERATIONS: readonly Operation[] = [
  {
    method: 'get',
    path: PATH,
    id: 'listRuns',
    tag: TAG,
    summary: 'All runs, newest first',
    query: runListQuery,
    answer: { status: 200, description: 'A page of runs.', schema: { pageOf: 'ScheduleRun' } },
  },
  {
    method: 'get',
    path: `${PATH}/{id}`,
    id: 'getRun',
    tag: TAG,
    summary: 'Get a run',
    answer: { status: 200, description: 'The run.', schema: ONE },
  },
  {
    method: 'post',
    path: `${PATH}/{id}/cancel`,
    id: 'cancelRun',
    tag: TAG,
    summary: 'Cancel a run',
    description:
      'A queued run is cancelled at once; one that has begun ends in `cancelled` a moment later and its containers are removed.',
    body: { schema: emptyBody, isOptional: true },
    answer: { status: 202, description: 'The run as it is now.', schema: ONE },
    errors: ['conflict'],
  },
  {
    method: 'post',
    path: `${PATH}/{id}/rerun`,
    id: 'rerunRun',
    tag: TAG,
    summary: 'Start a new run with the prompt and the team of an earlier one',
    body: { schema: emptyBody, isOptional: true },
    answer: { status: 202, description: 'The new run.', schema: ONE },
  },
  {
    method: 'get',
    path: `${PATH}/{id}/messages`,
    id: 'listMessages',
    tag: TAG,
    summary: 'The conversation, oldest first',
    query: messageListQuery,
    answer: { status: 200, description: 'A page of messages.', schema: { pageOf: 'Message' } },
  },
  {
    method: 'get',
    path: `${PATH}/{id}/events`,
    id: 'streamRun',
    tag: TAG,
    summary: 'The conversation live, as server-sent events',
    description: [
      'Events: `message` (data: a Message; id: its seq) and `run` (data: the ScheduleRun, at the start and whenever it moved).',
      'Starts behind `Last-Event-ID`, or `after`, with what is stored already, goes on live, and ends once the run is finished and all was sent.',
      'A comment line comes every 15 s without news. A client that comes back after the end gets 204, which stops a browser from reconnecting.',
    ].join('\n'),
    query: eventsQuery,
    headers: [{ name: 'Last-Event-ID', description: 'The id of the last event that was received; wins over `after`.' }],
    answer: { status: 200, description: 'The stream.', contentType: 'text/event-stream' },
  },
];
