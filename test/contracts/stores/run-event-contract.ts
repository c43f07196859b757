import type { HostStore } from '@crewtab/domain/ports/host-store';
import type { RunEventLog } from '@crewtab/domain/ports/run-event-log';
import type { WarningCode } from '@crewtab/domain/runs/warning';
import type { RunEventData } from '@crewtab/domain/runs/run-event';
import {
  aHeartbeat,
  NOTHING,
  OTHER_WORKER,
  RunStoreFixture,
  say,
  WORKER,
  type RunStoreSubject,
} from './run-store-fixture';

export interface RunEventSubject extends RunStoreSubject {
  readonly hosts: HostStore;
  readonly events: RunEventLog;
}

const FAILURE = { code: 'agent_exited', message: 'agent "lead" ended' } as const;
const BUSY = { code: 'engine_error', message: 'busy' } as const;
const QUEUED = { status: 'queued', phase: 'queued' };
const DEPLOYING = { status: 'running', phase: 'deploying' };
const MONITORING = { status: 'running', phase: 'monitoring' };
const ENDING = { status: 'running', phase: 'tearing_down' };
const MS = expect.any(Number) as number;

/** What every store must record of what happens to runs; `setup` answers empty stores. */
export function runEventContract(name: string, setup: () => RunEventSubject | Promise<RunEventSubject>): void {
  describe(`${name} leaves an event of every change`, () => {
    let subject: RunEventSubject;
    let fixture: RunStoreFixture;

    beforeEach(async () => {
      subject = await setup();
      fixture = new RunStoreFixture(subject);
      // What an earlier test left is none of this one's.
      while ((await subject.events.number(500)).length > 0);
    });
    afterEach(() => subject.close());

    /** What has happened since the last look. */
    const happened = async (): Promise<[string, Omit<RunEventData, 'epoch'>][]> => {
      const events = await subject.events.number(500);
      return events.map(({ type, data: { epoch: _, ...data } }) => [type, data]);
    };
    /** Takes a run somewhere, and forgets what happened on the way. */
    const after = async <T>(way: Promise<T>): Promise<T> => {
      const there = await way;
      await happened();
      return there;
    };
    const move = (from: object, to: object) => ['run.phase', { from, to }];

    it('from its making to its receipt', async () => {
      const { store } = subject;
      const claim = await fixture.begun();
      await store.permitPrompt(claim, say('prompt', 'Write a report.'));
      await store.confirmPrompt(claim);
      await store.conclude(claim, { status: 'success', result: 'done', error: null });
      await store.finish(claim, NOTHING);
      const prompting = { status: 'running', phase: 'prompting' };
      expect(await happened()).toEqual([
        ['run.status', expect.objectContaining({ to: QUEUED, scheduledFor: expect.any(String) as string })],
        ['run.status', { from: QUEUED, to: DEPLOYING, host: WORKER.host, queuedMs: MS }],
        ['run.phase', { from: DEPLOYING, to: prompting, deployMs: MS }],
        move(prompting, MONITORING),
        move(MONITORING, ENDING),
        ['teardown.verified', { teardownMs: MS }],
        ['run.status', { from: ENDING, to: { status: 'success', phase: 'finished' }, runMs: MS }],
      ]);
    });

    it('says whose it is, when it happened, and by which claim', async () => {
      const claim = await after(fixture.monitored());
      const run = await subject.store.conclude(claim, { status: 'failed', result: null, error: FAILURE });
      const { organizationId, scheduleId, finishedAt } = run;
      const [event] = await subject.events.number(500);
      expect(event).toMatchObject({ organizationId, scheduleId, runId: run.id, at: finishedAt });
      expect(event?.data.epoch).toBe(claim.epoch);
    });

    it('with the error of a run that ends badly, and each failed attempt to remove it', async () => {
      const { store } = subject;
      const claim = await after(fixture.monitored());
      await store.conclude(claim, { status: 'failed', result: null, error: FAILURE });
      await store.recordTeardownFailure(claim, BUSY, NOTHING);
      await store.recordTeardownFailure(claim, BUSY, NOTHING);
      await store.finish(claim, NOTHING);
      const failed = { status: 'failed', phase: 'tearing_down' };
      expect(await happened()).toEqual([
        ['run.status', { from: MONITORING, to: failed, error: FAILURE, runMs: MS }],
        ['teardown.failed', { attempts: 1, error: BUSY }],
        ['teardown.failed', { attempts: 2, error: BUSY }],
        ['teardown.verified', { teardownMs: MS }],
        move(failed, { ...failed, phase: 'finished' }),
      ]);
    });

    it('with the codes of the warnings that came with the outcome', async () => {
      const claim = await after(fixture.monitored());
      const warning = (code: WarningCode) => ({ code, message: 'look' });
      const outcome = { status: 'success', result: 'done', error: null } as const;
      await subject.store.conclude(claim, outcome, [warning('output_cut'), warning('unknown_update')]);
      const warnings = ['output_cut', 'unknown_update'];
      expect(await happened()).toEqual([['run.phase', { from: MONITORING, to: ENDING, warnings }]]);
    });

    it('with the codes of the warnings that are new, where some came before', async () => {
      const { store } = subject;
      const claim = await after(fixture.monitored({ verify: { command: ['true'] }, artifacts: ['*.txt'] }));
      const warning = (code: WarningCode) => ({ code, message: 'look' });
      await store.endWork(claim, 'done', [warning('output_cut')]);
      await store.conclude(claim, { status: 'failed', result: 'done', error: FAILURE });
      await store.endCollecting(claim, [], [warning('artifacts_incomplete')]);
      expect((await happened()).map(([type, { warnings }]) => [type, warnings])).toEqual([
        ['run.phase', ['output_cut']],
        ['run.status', undefined],
        ['run.phase', ['artifacts_incomplete']],
      ]);
    });

    it('with what the run used, as far as it was reported, at its very end', async () => {
      const { store } = subject;
      const claim = await fixture.monitored();
      const [start, one, two] = [0, 1, 2].map((stdout) => ({ stdout, stderr: 0 }));
      const usage = { inputTokens: 12, outputTokens: 3, cost: null, turns: 1, countedTurns: 1 };
      if (!start || !one || !two) throw new Error('three cursors');
      await store.appendMessages(claim, [], { agent: 'lead', from: start, to: one, usage });
      await store.conclude(claim, { status: 'failed', result: null, error: FAILURE });
      // An agent that is asked to end its turn may say what it cost.
      const cost = { amount: 0.5, currency: 'USD' };
      await after(store.appendMessages(claim, [], { agent: 'lead', from: one, to: two, usage: { ...usage, cost } }));
      await store.finish(claim, NOTHING);
      const used = { inputTokens: 12, outputTokens: 3, cost, incomplete: [] };
      expect((await happened()).map(([type, data]) => [type, data.usage])).toEqual([
        ['teardown.verified', undefined],
        ['run.phase', used],
      ]);
    });

    it('when a success turns into a failure, since it cannot be removed', async () => {
      const claim = await after(fixture.succeeded());
      await subject.store.failTeardown(claim, { code: 'teardown_failed', message: 'stuck' });
      const failed = { status: 'failed', phase: 'tearing_down' };
      const error = { code: 'teardown_failed', message: 'stuck' };
      expect(await happened()).toEqual([['run.status', { from: ENDING, to: failed, error, runMs: MS }]]);
    });

    it('when another worker takes a begun run over, also one that was released', async () => {
      const { store } = subject;
      const claim = await after(fixture.begun());
      const second = await fixture.takenOver(claim);
      await store.release([second]);
      await fixture.claim(claim.runId);
      expect(await happened()).toEqual([
        ['run.adopted', { fromOwner: WORKER.workerId, toOwner: OTHER_WORKER.workerId }],
        ['run.adopted', { fromOwner: null, toOwner: WORKER.workerId }],
      ]);
    });

    it('when a worker takes all that was abandoned, or all that is owed', async () => {
      const { store, hosts } = subject;
      const [first, second] = [await fixture.begun(), await fixture.succeeded()];
      await store.failTeardown(second, BUSY);
      await after(store.release([first, second]));
      await hosts.claimPendingTeardowns(OTHER_WORKER, 10);
      await store.claimAbandoned(OTHER_WORKER, 10);
      const adopted = ['run.adopted', { fromOwner: null, toOwner: OTHER_WORKER.workerId }];
      expect(await happened()).toEqual([adopted, adopted]);
    });

    it('once for a cancel, however often it is asked for', async () => {
      const claim = await after(fixture.begun());
      await subject.requestCancel(claim.runId);
      await subject.requestCancel(claim.runId);
      expect(await happened()).toEqual([['run.cancel_requested', { code: 'cancelled' }]]);
    });

    it('for a queued run that is cancelled: asked for, and ended at once', async () => {
      const runId = await after(subject.addRun());
      await subject.requestCancel(runId);
      const error = { code: 'cancelled', message: 'cancelled on request' };
      expect(await happened()).toEqual([
        ['run.cancel_requested', { code: 'cancelled' }],
        ['run.status', { from: QUEUED, to: { status: 'cancelled', phase: 'finished' }, error }],
      ]);
    });

    it('when its host is given up, and when that host comes back and proves that nothing is left', async () => {
      const { hosts } = subject;
      await hosts.noteWorker(aHeartbeat());
      await hosts.forgetWorker(WORKER.workerId);
      await after(fixture.begun());
      await hosts.decommission(WORKER.host, 'admin');
      await hosts.readmit(WORKER.host, { removed: new Map(), unremovedRunIds: [] });
      const error = { code: 'host_lost', message: 'the host was decommissioned by admin' };
      expect(await happened()).toEqual([
        ['teardown.given_up', { by: 'admin' }],
        ['run.status', { from: DEPLOYING, to: { status: 'failed', phase: 'finished' }, error, runMs: MS }],
        ['teardown.verified', { teardownMs: MS }],
      ]);
    });

    it('and none of a call that changes neither status nor owner', async () => {
      const { store } = subject;
      const [claim, queued] = [await fixture.monitored(), await after(subject.addRun())];
      await store.renewLeases(WORKER, [claim]);
      await store.saveAgent(claim, 'lead', { handle: 'container-1' });
      await store.appendMessages(claim, [say('agent_message', 'Hello.')]);
      await store.claim(queued, WORKER);
      await store.release([claim]);
      expect(await happened()).toEqual([]);
    });

    it('in one order for all, of which a page can be read from any position', async () => {
      const { store, events } = subject;
      const { runId } = await fixture.begun();
      const numbered = await events.number(500);
      const positions = numbered.map(({ position }) => position);
      expect(positions).toEqual(positions.map((_, index) => (positions[0] ?? 0) + index));
      const { organizationId, scheduleId, position: first } = numbered[0] ?? { ...NO_EVENT };
      const before = first - 1;
      const last = positions.at(-1) ?? 0;
      const all = { events: numbered, upTo: last, hasMore: false };
      expect(await events.read({ organizationId }, before)).toEqual(all);
      expect(
        await events.read({ organizationId, ...(scheduleId !== null && { scheduleId }), type: 'run.status' }, before),
      ).toEqual(all);
      expect(await events.read({ organizationId }, last)).toEqual({ events: [], upTo: last, hasMore: false });
      const others = { events: [], upTo: last, hasMore: false };
      expect(await events.read({ organizationId, type: 'teardown.failed' }, before)).toEqual(others);
      expect(await events.read({ organizationId, scheduleId: runId }, before)).toEqual(others);
      expect(await events.read({ organizationId: runId }, before)).toEqual(others);
      const at = numbered.at(-1)?.at ?? null;
      expect(await events.end()).toEqual({ position: last, at });
      expect(await events.holds({ position: last, at })).toBe(true);
      expect(await events.holds({ position: last, at: new Date(0) })).toBe(false);
      expect(await events.holds({ position: last + 1, at })).toBe(false);
      expect(await events.holds({ position: 0, at: null })).toBe(true);
      expect(await store.lookUp([runId])).toEqual(new Map([[runId, { isFinished: false }]]));
    });

    it('and wakes the listeners for it, when it is written and when it is numbered', async () => {
      const { events } = subject;
      const hear = async (subscribe: (listener: () => void) => Promise<{ close(): void }>) => {
        let tell: () => void = () => undefined;
        const heard = new Promise<void>((resolve) => (tell = resolve));
        return { heard, subscription: await subscribe(() => tell()) };
      };
      const written = await hear((listener) => events.onWritten(listener));
      const numbered = await hear((listener) => events.onNumbered(listener));
      await fixture.begun();
      await written.heard;
      await events.number(500);
      await numbered.heard;
      written.subscription.close();
      numbered.subscription.close();
    });
  });
}

const NO_EVENT = { organizationId: '', scheduleId: '', position: 0 };
