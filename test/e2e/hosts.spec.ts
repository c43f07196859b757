import type { SystemAnswer } from '@crewtab/api-contract/system-routes';
import type { StartedProcess } from '../kit/processes';
import { eventually } from '../kit/wait-for';
import type { Run } from '../kit/client';
import { Crewtab } from './support/crewtab';
import { describeWithOwnEngines, OwnEngine } from '../kit/services/own-engine';

jest.setTimeout(180_000);

describeWithOwnEngines('two hosts', () => {
  let crewtab: Crewtab;
  let [a, b]: OwnEngine[] = [];
  let workerB: StartedProcess;
  let scheduleId: string;
  const runs: Partial<Record<'onA' | 'onB' | 'waiting', Run>> = {};

  beforeAll(async () => {
    [a, b] = await Promise.all([OwnEngine.start('a'), OwnEngine.start('b')]);
    crewtab = await Crewtab.start({ workers: 0, schedulerEnv: { HOST_UNRESPONSIVE_LIMIT: '15s' } });
    await Promise.all([a.importDemoImage(), b.importDemoImage()]);
    await startWorkerOn(a);
    const team = await crewtab.api.createTeam({ name: 'Twins', agents: [crewtab.leader()] });
    const input = { teamId: team.id, name: 'x', prompt: 'stream 3000 every 100ms', cron: '0 0 1 1 *', timeout: '10m' };
    scheduleId = (await crewtab.api.createSchedule(input)).id;
  });

  afterAll(async () => {
    // Workers first, while their engines are there; engines next, since the harness wants no process left.
    const workers = (crewtab as Crewtab | undefined)?.workers.filter(({ hasExited }) => !hasExited) ?? [];
    for (const worker of workers) worker.kill();
    const exits = await Promise.all(workers.map(({ exited }) => exited));
    await Promise.all([a?.remove(), b?.remove()]);
    await (crewtab as Crewtab | undefined)?.stop();
    expect(exits.map(({ code }) => code)).toEqual(exits.map(() => 0));
  });

  /** Each holds one run, so that the next one goes to the other. */
  const startWorkerOn = (engine: OwnEngine): Promise<StartedProcess> =>
    crewtab.startWorker({
      DOCKER_HOST: engine.dockerHost,
      CREWTAB_DATA_DIR: engine.dataDir,
      WORKER_CONCURRENCY: '1',
      WORKER_LEASE: '4s',
    });

  const system = (): Promise<SystemAnswer> => crewtab.api.request('GET /system');
  const decommission = (id: string, body?: { readonly note: string }) =>
    crewtab.api.request('POST /system/hosts/:id/decommission', { params: { id }, ...(body && { body }) });
  const hostOf = async (runId: string): Promise<string> => {
    const { workers } = await system();
    return workers.find(({ leases }) => leases.some((lease) => lease.runId === runId))?.host ?? 'none';
  };
  const monitored = async (): Promise<Run> => {
    const { id } = await crewtab.api.trigger(scheduleId);
    return crewtab.api.untilRun(id, ({ phase }) => phase === 'monitoring');
  };
  /** The machine of host B loses its power, worker included. */
  const cutPower = async (): Promise<void> => {
    workerB.kill('SIGKILL');
    await Promise.all([workerB.exited, b?.switchOff()]);
  };
  const bringBack = async (): Promise<void> => {
    await b?.switchOn();
    workerB = await startWorkerOn(b as OwnEngine);
  };
  const runOf = (which: keyof typeof runs): Run => {
    const run = runs[which];
    if (!run) throw new Error(`there is no run ${which}`);
    return run;
  };

  it('are two hosts, each with its run', async () => {
    const onA = (runs.onA = await monitored());
    workerB = await startWorkerOn(b as OwnEngine);
    const onB = (runs.onB = await monitored());
    const [hostA, hostB] = [await hostOf(onA.id), await hostOf(onB.id)];
    expect(hostA).not.toBe(hostB);
    const { hosts, schedulers } = await system();
    expect(hosts.map(({ id, state }) => [id, state]).sort()).toEqual([hostA, hostB].sort().map((id) => [id, 'live']));
    await eventually(async () => (await system()).schedulers[0]?.sweeper.lastPassAt !== null);
    expect(schedulers).toHaveLength(1);
    await expect(decommission(hostB)).rejects.toMatchObject({ status: 409, code: 'conflict' });
  });

  it('a host that is gone loses its run, shows what it owes, and the other host does not notice', async () => {
    const { id } = runOf('onB');
    const host = await hostOf(id);
    await cutPower();
    const lost = await crewtab.api.untilRun(id, ({ status }) => status !== 'running', 40_000);
    expect(lost).toMatchObject({
      status: 'failed',
      phase: 'tearing_down',
      error: { code: 'host_lost' },
      teardown: null,
    });
    expect(crewtab.schedulers[0]?.lines).toContainEqual(
      expect.stringContaining('ended a run whose worker does not come back'),
    );
    const { hosts, obligations } = await system();
    expect(hosts.find((one) => one.id === host)).toMatchObject({ state: 'silent', openObligations: 1 });
    expect(obligations).toEqual([expect.objectContaining({ runId: id, host, status: 'failed' })]);
    const metrics = await crewtab.api.metrics();
    expect(metrics).toMatch(/^crewtab_pending_teardowns\{.*\} 1$/m);
    expect(metrics).toMatch(/^crewtab_hosts\{.*state="unresponsive".*\} 1$/m);
    expect(metrics).toMatch(/^crewtab_lost_runs_total\{.*\} 1$/m);
    expect((await crewtab.api.run(runOf('onA').id)).status).toBe('running');
  });

  it('when it is back it reaps before it takes work, and pays what it owes', async () => {
    // Waits in the queue all the while: the other host is full.
    runs.waiting = await crewtab.api.trigger(scheduleId);
    await bringBack();
    const run = await crewtab.api.untilFinished(runOf('onB').id);
    expect(run).toMatchObject({ status: 'failed', error: { code: 'host_lost' } });
    expect(run.teardown).toMatchObject({ containers: 1, volumes: 1, verifiedAt: expect.any(String), givenUp: null });
    await crewtab.api.untilRun(runOf('waiting').id, ({ phase }) => phase === 'monitoring');
    const order = ['removed what the host still owed', 'host reaped', 'run begun'];
    const at = order.map((words) => workerB.lines.findIndex((line) => line.includes(words)));
    expect(at).toEqual([...at].sort((one, other) => one - other));
    expect(at[0]).toBeGreaterThanOrEqual(0);
    expect((await system()).obligations).toEqual([]);
    expect((await b?.runResources())?.join()).not.toContain(run.id);
  });

  it('an admin gives up a host that does not come back; the receipt says that nothing is proven', async () => {
    const { id } = runOf('waiting');
    const host = await hostOf(id);
    await cutPower();
    const giveUp = () => decommission(host, { note: 'scrapped' });
    expect(await eventually(giveUp, { timeoutMs: 90_000, intervalMs: 500 })).toMatchObject({
      givenUpRunIds: [id],
    });
    const run = await crewtab.api.run(id);
    expect(run).toMatchObject({ status: 'failed', phase: 'finished', error: { code: 'host_lost' } });
    expect(run.teardown).toMatchObject({ verifiedAt: null, givenUp: { by: expect.stringContaining('scrapped') } });
    const { hosts, obligations } = await system();
    expect(hosts.find((one) => one.id === host)).toMatchObject({ state: 'decommissioned', openObligations: 0 });
    expect(obligations).toEqual([]);
  });

  it('comes back all the same: it is reaped first, and what was given up is proven', async () => {
    await bringBack();
    await workerB.waitForLine(/it was decommissioned, is back/);
    const run = await crewtab.api.run(runOf('waiting').id);
    expect(run.teardown).toMatchObject({ containers: 1, volumes: 1, verifiedAt: expect.any(String) });
    expect((await system()).hosts.map(({ state }) => state)).toEqual(['live', 'live']);
    expect(await b?.runResources()).toEqual([]);
  });

  it('the run of the other host went on through all of it', async () => {
    const { id } = runOf('onA');
    const said = await crewtab.api.messages(id);
    expect(said.map(({ seq }) => seq)).toEqual(said.map((_, index) => index + 1));
    expect((await crewtab.api.run(id)).status).toBe('running');
    await crewtab.api.cancel(id);
    expect(await crewtab.api.untilFinished(id)).toMatchObject({ status: 'cancelled', teardown: { containers: 1 } });
    expect(await a?.runResources()).toEqual([]);
  });
});
