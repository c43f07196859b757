import { AppError } from '@crewtab/domain/errors';
import { CommandProtocol } from '@crewtab/protocol-command/command-session';
import type { FakeProgram } from '../fakes/runtime/fake-agent';
import { World } from '../../libs/orchestrator/running/spec-support';

const LEAD = { name: 'lead', role: 'leader', protocol: 'command', command: ['date'] } as const;
const TODAY = 'Tue Dec  1 06:00:00 UTC 2026';

/** As `date`: it reads nothing, and may be gone before anything was written to it. */
const dateAfter = (delayMs: number): FakeProgram => ({
  onStart: (io) => {
    const end = (): void => {
      io.emit(TODAY);
      io.exit(0);
    };
    if (delayMs === 0) end();
    else io.after(delayMs, end);
  },
});

it.each([0, 1, 5, 20, 100, 1_000])(
  'a plain program that never reads its input and ends with 0 after %d ms is a success, in each of ten runs',
  async (delayMs) => {
    const world = new World({ lead: dateAfter(delayMs) }, {}, new CommandProtocol());
    const { holder } = world.worker(10);
    const ids = Array.from({ length: 10 }, () => world.store.addRun({ plan: { agents: [LEAD] } }).id);
    await Promise.all(ids.map((id) => holder.take(id)));
    await world.eventually(() => ids.every((id) => world.store.read(id).phase === 'finished'));
    const outcomes = ids.map((id) => world.store.read(id).outcome);
    expect(outcomes.map((outcome) => [outcome?.status, outcome?.result, outcome?.error])).toEqual(
      ids.map(() => ['success', TODAY, null]),
    );
    await holder.stop();
  },
);

it('is none the worse for a prompt that could not be written, because the program had ended', async () => {
  const world = new World({ lead: dateAfter(50) }, {}, new CommandProtocol());
  const { holder, runtime } = world.worker();
  const open = runtime.open.bind(runtime);
  jest.spyOn(runtime, 'open').mockImplementation(async (handle) => {
    const channel = await open(handle);
    const write = async (): Promise<void> => {
      await new Promise<void>((resolve) => world.clock.after(100, resolve));
      throw new AppError('engine_unreachable', 'EPIPE', { retryable: true });
    };
    return Object.assign(channel, { write });
  });
  const { id } = world.store.addRun({ plan: { agents: [LEAD] } });
  await holder.take(id);
  await world.eventually(() => world.store.read(id).phase === 'finished');
  expect(world.store.read(id).outcome).toMatchObject({ status: 'success', result: TODAY, error: null });
  await holder.stop();
});
