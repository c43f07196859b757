import { describeWithDocker } from '../kit/services/docker';
import type { Run } from '../kit/client';
import { Crewtab } from './support/crewtab';

jest.setTimeout(120_000);

const CANCELLED = {
  status: 'cancelled',
  phase: 'finished',
  error: { code: 'cancelled' },
  startedAt: null,
  finishedAt: expect.any(String) as string,
  teamDeploymentId: null,
  teardown: null,
} as const;

describeWithDocker('a run in the queue', () => {
  let crewtab: Crewtab;

  beforeAll(async () => {
    crewtab = await Crewtab.start({ workers: 0, workerEnv: { WORKER_CONCURRENCY: '1' } });
  });

  afterAll(() => (crewtab as Crewtab | undefined)?.stop());

  const start = async (prompt: string): Promise<Run> => {
    const { api } = crewtab;
    const team = await api.createTeam({ name: 'Waiting', agents: [crewtab.leader()] });
    const schedule = await api.createSchedule({ teamId: team.id, name: 'x', prompt, cron: '0 0 1 1 *' });
    return api.trigger(schedule.id);
  };

  const cancel = ({ id }: Run): Promise<Run> => crewtab.api.cancel(id);

  it('cancelled or edited there, without any worker and with one that is full', async () => {
    const { api } = crewtab;
    const [unseen, edited] = [await start('answer never'), await start('answer as it was')];
    expect(unseen).toMatchObject({ status: 'queued', phase: 'queued' });
    expect(await cancel(unseen)).toMatchObject(CANCELLED);
    await expect(cancel(unseen)).rejects.toMatchObject({ status: 409, code: 'conflict' });

    // What was triggered keeps its plan, whatever becomes of schedule and team before a worker is there.
    const body = { name: 'Renamed', agents: [crewtab.leader({ name: 'other' })] };
    await api.request('PATCH /teams/:id', { params: { id: edited.teamId }, body });
    await api.request('PATCH /schedules/:id', { params: { id: edited.scheduleId ?? '' }, body: { prompt: 'refuse' } });
    const worker = await crewtab.startWorker();
    expect(await api.untilFinished(edited.id)).toMatchObject({ status: 'success', result: 'as it was' });

    const holding = await start('answer here\nhang');
    await api.untilRun(holding.id, ({ phase }) => phase === 'monitoring');
    const waiting = await start('answer never');
    expect(await cancel(waiting)).toMatchObject(CANCELLED);
    await cancel(holding);
    expect(await api.untilFinished(holding.id)).toMatchObject({ status: 'cancelled', teardown: { containers: 1 } });

    const next = await start('answer next');
    expect(await api.untilFinished(next.id)).toMatchObject({ status: 'success' });
    expect(await api.run(waiting.id)).toMatchObject(CANCELLED);
    for (const { id } of [unseen, waiting]) {
      expect(await api.messages(id)).toEqual([]);
      expect(worker.lines.filter((line) => line.includes(id) && line.includes('run begun'))).toEqual([]);
    }
    expect(await crewtab.leftovers()).toEqual([]);
  });
});
