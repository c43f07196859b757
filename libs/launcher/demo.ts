import type { ApiClient } from './api-client';
import type { SeenRun } from './run-view';

export const DEMO_SCHEDULE_NAME = 'Morning report';

/** How the demo's agents are started: an image under docker, a command under process. */
export interface DemoAgentProgram {
  readonly image?: string;
  readonly command: readonly string[];
}

interface Page<T> {
  readonly items: readonly T[];
}

interface SeenSchedule {
  readonly id: string;
  readonly name: string;
  readonly teamId: string;
}

/** True on a database without schedules. */
export async function isUnused(api: ApiClient): Promise<boolean> {
  const [teams, schedules] = await Promise.all([
    api.get<Page<unknown>>('/teams?limit=1'),
    api.get<Page<unknown>>('/schedules?limit=1'),
  ]);
  return teams.items.length === 0 && schedules.items.length === 0;
}

/** A team of two and a schedule, as a user would make them. */
export async function createDemo(api: ApiClient, program: DemoAgentProgram): Promise<SeenSchedule> {
  const team = await api.post<{ id: string }>('/teams', {
    name: 'Demo team',
    description:
      'Two demo agents that need no model: the lead writes a report on a sample repository, the analyst counts.',
    agents: demoAgents(program),
  });
  return api.post<SeenSchedule>('/schedules', {
    teamId: team.id,
    name: DEMO_SCHEDULE_NAME,
    prompt: 'report',
    cron: '0 9 * * 1-5',
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC',
    timeout: '5m',
  });
}

/** The demo's schedule of an earlier start, with its team brought up to date: the image may have been made anew since. */
export async function findDemo(api: ApiClient, program: DemoAgentProgram): Promise<SeenSchedule | null> {
  const { items } = await api.get<Page<SeenSchedule>>('/schedules?limit=100');
  const schedule = items.find(({ name }) => name === DEMO_SCHEDULE_NAME);
  if (!schedule) return null;
  await api.patch(`/teams/${schedule.teamId}`, { agents: demoAgents(program) });
  return schedule;
}

function demoAgents(program: DemoAgentProgram): object[] {
  const agent = { protocol: 'acp', ...program };
  return [
    { name: 'lead', role: 'leader', ...agent },
    { name: 'analyst', role: 'worker', ...agent },
  ];
}

export function trigger(api: ApiClient, scheduleId: string): Promise<SeenRun> {
  return api.post<SeenRun>(`/schedules/${scheduleId}/trigger`);
}
