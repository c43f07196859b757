import { api, type Run, type Schedule, type Team } from '../../api/client';
import { viewerZone } from '../../time/format-time';

/** Makes the demo team and its schedule, as `npm start` does, and runs it. Goes on where an earlier try stopped. */
export async function makeDemo(image: string): Promise<Run> {
  const team = (await findTeam()) ?? (await makeTeam(image));
  const schedule = (await findSchedule(team.id)) ?? (await makeSchedule(team.id));
  return api.request('POST /schedules/:id/trigger', {
    params: { id: schedule.id },
    idempotencyKey: crypto.randomUUID(),
  });
}

const TEAM_NAME = 'Demo team';

async function findTeam(): Promise<Team | undefined> {
  const { items } = await api.request('GET /teams', { query: { limit: 100 } });
  return items.find(({ name }) => name === TEAM_NAME);
}

function makeTeam(image: string): Promise<Team> {
  const agent = { protocol: 'acp', image } as const;
  return api.request('POST /teams', {
    body: {
      name: TEAM_NAME,
      description:
        'Two demo agents that need no model: the lead writes a report on a sample repository, the analyst counts.',
      network: { mode: 'none' },
      agents: [
        { name: 'lead', role: 'leader', ...agent },
        { name: 'analyst', role: 'worker', ...agent },
      ],
    },
    idempotencyKey: crypto.randomUUID(),
  });
}

async function findSchedule(teamId: string): Promise<Schedule | undefined> {
  const { items } = await api.request('GET /schedules', { query: { teamId, limit: 1 } });
  return items[0];
}

function makeSchedule(teamId: string): Promise<Schedule> {
  const body = {
    teamId,
    name: 'Morning report',
    prompt: 'report',
    cron: '0 9 * * 1-5',
    timezone: viewerZone(),
    timeout: '5m',
  };
  return api.request('POST /schedules', { body, idempotencyKey: crypto.randomUUID() });
}
