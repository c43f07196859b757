import type { JobSchedulers } from '@crewtab/domain/ports/run-queue';
import { FakeClock } from '@test/fakes/fake-clock';
import { RecordingLogger } from '@test/fakes/recording-logger';
import { InMemoryFireStore } from '@test/fakes/stores/in-memory-fire-store';
import { InMemoryRunStore } from '@test/fakes/stores/in-memory-run-store';
import { RecordingQueue } from '../running/spec-support';
import { JobSchedulerReconciler } from './job-scheduler-reconciler';
import { ScheduleSweeper } from './schedule-sweeper';

function jobSchedulers(): JobSchedulers {
  const held = new Set<string>();
  return {
    set: (jobSchedulers) => Promise.resolve(jobSchedulers.forEach(({ scheduleId }) => held.add(scheduleId))),
    remove: (ids) => Promise.resolve(ids.forEach((id) => held.delete(id))),
    count: () => Promise.resolve(held.size),
    list: () => Promise.resolve([...held]),
  };
}

function makeWorld() {
  const clock = new FakeClock(new Date('2026-01-05T09:00:30.000Z'));
  const runs = new InMemoryRunStore(clock);
  const fires = new InMemoryFireStore(clock, runs);
  const logger = new RecordingLogger();
  const deps = { fires, runs, queue: new RecordingQueue(), jobSchedulers: jobSchedulers(), clock, logger };
  return { clock, runs, fires, logger, sweeper: new ScheduleSweeper(deps, new JobSchedulerReconciler(deps)) };
}

describe('what the sweeper says', () => {
  it('is what recovery did and why, and of what lasts only its changes', async () => {
    const { clock, runs, fires, logger, sweeper } = makeWorld();
    sweeper.start();
    await clock.advance(10_000);
    expect(logger.messages()).toEqual([]);

    fires.addSchedule();
    const { id } = runs.addRun();
    const claimed = await runs.claim(id, { workerId: 'w', host: 'h' });
    const claim = { runId: id, epoch: claimed?.epoch ?? 0 };
    await runs.begin(claim, { name: 't', fallbackName: 'u', host: 'h', runtime: 'docker' });
    await clock.advance(58_000);
    await sweeper.stop();
    expect(logger.entries.map(({ level, fields, message }) => [level, fields, message.split(':')[0]])).toEqual([
      ['info', { woken: 1 }, 'woke the hosts of begun runs that no living worker holds'],
      ['warn', { fired: 1 }, 'fired late'],
      ['info', { offered: 1 }, 'offered queued runs again'],
    ]);
    expect(sweeper.lastError).toBeNull();
  });

  it('is why an iteration failed, also to an operator who asks later', async () => {
    const { clock, runs, logger, sweeper } = makeWorld();
    runs.setUnreachable(true);
    sweeper.start();
    await clock.advance(1);
    expect(logger.messages('error')).toEqual(['sweep failed; trying again']);
    expect([sweeper.lastError, sweeper.lastIterationAt]).toEqual([expect.stringContaining('told not to answer'), null]);
    runs.setUnreachable(false);
    await clock.advance(5_000);
    await sweeper.stop();
    expect([sweeper.lastError, sweeper.lastIterationAt]).toEqual([null, expect.any(Date)]);
  });
});
