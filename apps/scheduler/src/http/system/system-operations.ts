import { API_PATH } from '../http-deps';
import type { Operation } from '../openapi/operation';
import { decommissionBody } from './system-schemas';

const SYSTEM = 'System';

export const SYSTEM_OPERATIONS: readonly Operation[] = [
  {
    method: 'get',
    path: `${API_PATH}/system`,
    id: 'getSystem',
    tag: SYSTEM,
    summary: 'Hosts, workers with their leases, schedulers, and what is owed',
    description:
      'For admin keys. Spans all organizations; of runs it tells ids alone. docs/operations.md says what to do when.',
    answer: { status: 200, description: 'The installation at this moment.', schema: { ref: 'System' } },
    errors: ['forbidden'],
  },
  {
    method: 'post',
    path: `${API_PATH}/system/hosts/{id}/decommission`,
    id: 'decommissionHost',
    tag: SYSTEM,
    summary: 'Give up a host that does not come back',
    description:
      'For admin keys. Its runs end as `host_lost`, and what is owed there is finished without proof (`teardown.givenUp`). ' +
      'Refused while one of its workers is there. Should it come back after all, it reaps before it takes work.',
    body: { schema: decommissionBody, isOptional: true, example: { note: 'disk died, machine scrapped' } },
    answer: { status: 200, description: 'What was given up.', schema: { ref: 'Decommission' } },
    errors: ['forbidden', 'conflict'],
  },
];
