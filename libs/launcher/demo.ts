import type { ApiClient } from '@crewtab/api-client/api-client';
import type { BodyOf } from '@crewtab/api-client/route-types';
import type { RunView } from '@crewtab/api-contract/run-routes';
import type { ScheduleView } from '@crewtab/api-contract/schedule-routes';

export const DEMO_SCHEDULE_NAME = 'Morning report';

/** How the demo's agents are started: an image under docker, a command under process. */
export interface DemoAgentProgram {
  readonly image?: string;
  readonly command: readonly string[];
}

/** True on a database without schedules. */
export async function isUnused(api: ApiClient): Promise<boolean> {
  const [teams, schedules] = await Promise.all([
    api.request('GET /teams', { query: { limit: 1 } }),
    api.request('GET /schedules', { query: { limit: 1 } }),
  ]);
  return teams.items.length === 0 && schedules.items.length === 0;
}

/** A team of two and a schedule, as a user would make them. */
export async function createDemo(api: ApiClient, program: DemoAgentProgram): Promise<ScheduleView> {
  const team = await api.request('POST /teams', {
    body: {
      name: 'Demo team',
      description:
        'Two demo agents that need no model: the lead writes a report on a sample repository, the analyst counts.',
      // The demo needs none, and no runtime but that of containers can keep agents from one.
      ...(program.image === undefined ? {} : { network: { mode: 'none' as const } }),
      agents: demoAgents(program),
    },
  });
  return api.request('POST /schedules', {
    body: {
      teamId: team.id,
      name: DEMO_SCHEDULE_NAME,
      prompt: 'report',
      cron: '0 9 * * 1-5',
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC',
      timeout: '5m',
    },
  });
}

/** The demo's schedule of an earlier start, with its team brought up to date: the image may have been made anew since. */
export async function findDemo(api: ApiClient, program: DemoAgentProgram): Promise<ScheduleView | null> {
  const { items } = await api.request('GET /schedules', { query: { limit: 100 } });
  const schedule = items.find(({ name }) => name === DEMO_SCHEDULE_NAME);
  if (!schedule) return null;
  await api.request('PATCH /teams/:id', { params: { id: schedule.teamId }, body: { agents: demoAgents(program) } });
  return schedule;
}

function demoAgents(program: DemoAgentProgram): BodyOf<'POST /teams'>['agents'] {
  const agent = { protocol: 'acp', ...program } as const;
  return [
    { name: 'lead', role: 'leader', ...agent },
    { name: 'analyst', role: 'worker', ...agent },
  ];
}

export function trigger(api: ApiClient, scheduleId: string): Promise<RunView> {
  return api.request('POST /schedules/:id/trigger', { params: { id: scheduleId } });
}
