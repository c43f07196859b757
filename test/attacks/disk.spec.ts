import { existsSync, statSync } from 'node:fs';
import { Crewtab } from '../e2e/support/crewtab';
import { saidIn } from '../kit/client';
import { describeWithDocker, dockerEngine } from '../kit/services/docker';
import { eventually } from '../kit/wait-for';
import { endRun, startRun } from './support/hostile-run';

const MEBIBYTE = 1024 ** 2;
const LIMIT = '1m';
/** Of the guard's file: four times the limit, and what was read when it was passed. */
const KEPT_MOST = 5 * MEBIBYTE;
/** The programs that stand beside it, of each of two agents: guard and forwarder, below 750 kB each. */
const PROGRAMS_MOST = 2 * 2 * 750_000;
/** Of the engine's log: eight times the limit, and a record. */
const LOG_MOST = 9 * MEBIBYTE;

jest.setTimeout(180_000);

interface Container {
  readonly Id: string;
  readonly SizeRw?: number;
  readonly LogPath?: string;
  readonly State: { readonly Running: boolean };
}

interface Volume {
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly UsageData?: { readonly Size: number } | null;
}

describeWithDocker('a run that writes the disk full', () => {
  let crewtab: Crewtab;

  beforeAll(async () => {
    crewtab = await Crewtab.start({ workerEnv: { AGENT_OUTPUT_LIMIT: LIMIT, RUN_DISK_LIMIT: '64m' } });
  });

  afterAll(() => (crewtab as Crewtab | undefined)?.stop());

  const look = async (name: string): Promise<Container> =>
    JSON.parse(await dockerEngine().call({ path: `/containers/${name}/json?size=1` })) as Container;

  it.each(['/workspace/x', '/home/agent/x'])(
    'by a file, %s: it ends as disk_limit, and another goes on',
    async (path) => {
      const harmless = startRun(crewtab, 'work 15s\nanswer well').then((run) => endRun(crewtab, run));
      const fill = `shell head -c ${100 * MEBIBYTE} /dev/zero > ${path}`;
      const { run } = await endRun(crewtab, await startRun(crewtab, `${fill}\nhang`));
      expect(run).toMatchObject({
        status: 'failed',
        error: { code: 'disk_limit' },
        teardown: { containers: 2, volumes: 1 },
      });
      expect((await harmless).run).toMatchObject({ status: 'success', error: null });
    },
  );

  it('by a file in /tmp: its write fails at half of its memory, and it goes on', async () => {
    const fill = `shell head -c ${600 * MEBIBYTE} /dev/zero > /tmp/x; wc -c < /tmp/x`;
    const { run, said } = await endRun(crewtab, await startRun(crewtab, `${fill}\nanswer still here`));
    expect(run).toMatchObject({ status: 'success', error: null });
    expect(said).toMatch(/No space left on device/);
    expect(said).toMatch(/still here/);
  });

  /** In the volumes of its agents: HOME, the guard's programs and what it keeps. */
  async function keptBytes(runId: string): Promise<number> {
    const df = JSON.parse(await dockerEngine().call({ path: '/system/df' })) as { Volumes: Volume[] };
    const own = df.Volumes.filter(({ Labels: labels }) => labels?.['crewtab.run'] === runId && labels['crewtab.agent']);
    expect(own).toHaveLength(4);
    return own.reduce((sum, { UsageData: data }) => sum + (data?.Size ?? 0), 0);
  }

  it('by its output, while no worker is there: it is ended, and takes no more than what is stated', async () => {
    const { api } = crewtab;
    const run = await startRun(crewtab, 'answer begun\nwork 5s\nflood 50MB');
    await api.untilRun(run.id, async () => saidIn(await api.messages(run.id)).includes('begun'));
    for (const worker of crewtab.workers) {
      worker.kill('SIGKILL');
      await worker.exited;
    }
    const { agents } = await api.deployment(run.teamDeploymentId ?? (await api.run(run.id)).teamDeploymentId ?? '');
    const container = agents.find(({ name }) => name === 'lead')?.container ?? '';
    const ended = await eventually(
      async () => {
        const found = await look(container);
        return found.State.Running ? false : found;
      },
      { timeoutMs: 60_000, intervalMs: 500 },
    );
    expect(ended.SizeRw).toBe(0);
    expect(await keptBytes(run.id)).toBeLessThan(KEPT_MOST + PROGRAMS_MOST);
    // The engine may be on another machine.
    if (existsSync(ended.LogPath ?? '')) expect(statSync(ended.LogPath ?? '').size).toBeLessThan(LOG_MOST);
    await crewtab.startWorker();
    const { status, error } = await api.untilFinished(run.id);
    expect({ status, code: error?.code }).toEqual({
      status: 'failed',
      code: expect.stringMatching(/^(agent_killed|output_limit)$/) as string,
    });
    expect(error?.message).toMatch(/output/);
  });
});

describeWithDocker('a run with its workspace in memory', () => {
  it('that fills it is told so by its own writes, and neither another run nor its own end suffers', async () => {
    const crewtab = await Crewtab.start({ workers: 2, workerEnv: { AGENT_WORKSPACE_TMPFS: '32m' } });
    try {
      const harmless = startRun(crewtab, 'work 5s\nshell echo mine > x; cat x\nanswer well').then((run) =>
        endRun(crewtab, run),
      );
      const fill = `shell head -c ${100 * MEBIBYTE} /dev/zero > x; wc -c < x; i=0; while true > $i; do i=$((i+1)); done 2> /dev/null; echo $i files`;
      const attack = await startRun(crewtab, `${fill}\nwork 2s\nanswer still here`);
      await crewtab.api.untilRun(attack.id, async () =>
        saidIn(await crewtab.api.messages(attack.id)).includes('files'),
      );
      // Nothing of it is known to the worker that takes it over but what the engine says.
      (await crewtab.workerOf(attack.id)).kill('SIGKILL');
      const { run, said } = await endRun(crewtab, attack);
      expect(run).toMatchObject({ status: 'success', error: null, teardown: { containers: 3, volumes: 1 } });
      expect(said).toMatch(/No space left on device/);
      expect(Number(/(\d+) files/.exec(said)?.[1])).toBeLessThan(4_096);
      expect(said).toMatch(/still here/);
      const other = await harmless;
      expect(other.run).toMatchObject({ status: 'success', error: null });
      expect(other.said).toMatch(/mine/);
      expect(await crewtab.leftovers()).toEqual([]);
    } finally {
      await crewtab.stop();
    }
  });
});
