import { AppError } from '@crewtab/domain/errors';
import { World } from './spec-support';

const TEMPLATE = { promptFormat: 'template', prompt: 'Look at {{ window }}.' } as const;
const RENDERED = 'Look at 2026-01-05T08:00:00.000Z to 2026-01-05T09:00:00.000Z.';

it('a template is rendered once, stored as the run begins, and what the leader is told', async () => {
  const world = new World();
  const { id } = world.store.addRun({ plan: TEMPLATE });
  const { holder } = world.worker();
  await holder.take(id);
  await world.eventually(() => world.store.read(id).phase === 'finished');
  expect(world.turnsSeen[0]).toContain(RENDERED);
  expect(world.store.read(id)).toMatchObject({ status: 'success', plan: { prompt: RENDERED } });
  expect(world.store.messages(id)[0]?.content['text']).toContain(RENDERED);
  expect(world.prompts.rendered).toBe(1);
  await holder.stop();
});

it('a worker that adopts the run takes the prompt as it was rendered', async () => {
  let mayAnswer = false;
  const world = new World({
    lead: { onLine: (line, io) => void (line === 'hello' && mayAnswer && io.emit('ready')) },
  });
  const { id } = world.store.addRun({ plan: TEMPLATE });
  const first = world.worker();
  await first.holder.take(id);
  await world.until(() => world.store.read(id).phase === 'deploying');
  await first.holder.stop();
  mayAnswer = true;
  const second = world.worker();
  await second.holder.start();
  await world.eventually(() => world.turnsSeen.length > 0);
  expect(world.turnsSeen).toEqual([expect.stringContaining(RENDERED)]);
  expect(world.prompts.rendered).toBe(1);
  await second.holder.stop();
});

it('what cannot be rendered fails the run before anything is started, with the place', async () => {
  const world = new World();
  const { id } = world.store.addRun({ plan: { ...TEMPLATE, prompt: '{{ fault }}' } });
  const { holder } = world.worker();
  await holder.take(id);
  await world.eventually(() => world.store.read(id).phase === 'finished');
  expect(world.store.read(id).outcome).toEqual({
    status: 'failed',
    result: null,
    error: { code: 'template_failed', message: 'line 1, column 4: there is no "fault"' },
  });
  expect(world.store.read(id).teardown.receipt?.removed).toEqual({});
  await holder.stop();
});

it('braces of a plain prompt stay as they are', async () => {
  const world = new World();
  const { id } = world.store.addRun({ plan: { prompt: 'Say {{ window }}.' } });
  const { holder } = world.worker();
  await holder.take(id);
  await world.eventually(() => world.store.read(id).phase === 'finished');
  expect(world.turnsSeen[0]).toContain('Say {{ window }}.');
  expect(world.prompts.rendered).toBe(0);
  await holder.stop();
});

it('a database that does not answer for a while only delays the rendering', async () => {
  const world = new World();
  const { id } = world.store.addRun({ plan: TEMPLATE });
  const unreachable = new AppError('store_unreachable', 'no answer', { retryable: true });
  const read = jest.spyOn(world.store, 'readPromptRecord');
  for (let failures = 1; failures <= 7; failures++) read.mockRejectedValueOnce(unreachable);
  const { holder } = world.worker();
  await holder.take(id);
  await world.eventually(() => world.store.read(id).phase === 'finished');
  expect(world.store.read(id)).toMatchObject({ status: 'success', plan: { prompt: RENDERED } });
  expect(world.prompts.rendered).toBe(1);
  await holder.stop();
});
