import { describeWithDocker } from '../kit/services/docker';
import { eventually } from '../kit/wait-for';
import type { Run } from '../kit/client';
import { Crewtab } from './support/crewtab';

jest.setTimeout(240_000);

/** Says how many runs have had this workspace, and works for a while. */
const COUNT = [
  "const fs = require('fs');",
  "const n = fs.existsSync('n') ? Number(fs.readFileSync('n')) + 1 : 1;",
  "fs.writeFileSync('n', String(n));",
  'setTimeout(() => console.log(n), 500);',
].join(' ');

describeWithDocker('a workspace that is kept between runs', () => {
  let crewtab: Crewtab;
  beforeAll(async () => (crewtab = await Crewtab.start({ workers: 2 })));
  afterAll(() => crewtab.stop());

  it('has what the run before left, for one run at a time, until it is reset or its schedule is deleted', async () => {
    const { api } = crewtab;
    const leader = crewtab.leader({ protocol: 'command', command: ['node', '-e', COUNT] });
    const team = await api.createTeam({ name: 'Counts', workspace: { persist: true }, agents: [leader] });
    const fields = { teamId: team.id, name: 'x', prompt: 'count', cron: '0 0 1 1 *' };
    await expect(api.createSchedule(fields)).rejects.toThrow(/overlap/);
    const { id } = await api.createSchedule({ ...fields, overlap: 'queue' });
    const trigger = async (): Promise<string> => (await api.trigger(id)).id;
    const results = async (...ids: string[]): Promise<(string | null)[]> =>
      Promise.all(ids.map(async (one) => (await api.untilFinished(one)).result?.trim() ?? null));

    // All at once, and yet one after the other.
    expect(await results(await trigger(), await trigger(), await trigger())).toEqual(['1', '2', '3']);
    const [volume] = await crewtab.leftovers();
    expect(volume).toContain(`crewtab-kept-${id}-1`);
    const last: Run = await api.untilFinished(await trigger());
    expect(last).toMatchObject({ status: 'success', warnings: [], teardown: { volumes: 0 } });

    const tried = await api.request('POST /teams/:id/try', { params: { id: team.id }, body: { prompt: 'count' } });
    const run = await api.untilFinished(tried.id);
    expect(run).toMatchObject({
      result: expect.stringMatching(/^1\s*$/) as string,
      warnings: [{ code: 'workspace_fresh' }],
    });

    await api.request('POST /schedules/:id/workspace/reset', { params: { id } });
    expect(await results(await trigger())).toEqual(['1']);
    await eventually(async () => (await crewtab.leftovers()).every((one) => one.includes(`${id}-2`)));
    await api.request('DELETE /schedules/:id', { params: { id } });
    await eventually(async () => (await crewtab.leftovers()).length === 0);
  });
});
