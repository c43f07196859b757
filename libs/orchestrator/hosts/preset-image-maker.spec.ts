import { AppError } from '@crewtab/domain/errors';
import type { HostImage, ImageEngine } from '@crewtab/domain/ports/host-images';
import { FakeClock, settle } from '@test/fakes/fake-clock';
import { RecordingLogger } from '@test/fakes/recording-logger';
import { InMemoryHostImages } from '@test/fakes/stores/in-memory-host-images';
import { InMemoryHostStore } from '@test/fakes/stores/in-memory-host-store';
import { InMemoryRunStore } from '@test/fakes/stores/in-memory-run-store';
import { aHeartbeat, OTHER_WORKER, WORKER } from '@test/contracts/stores/run-store-fixture';
import { PresetImageMaker } from './preset-image-maker';

const IMAGE = 'crewtab-preset/coder:1';

/** An engine whose builds a test ends by hand. */
class HandEngine implements ImageEngine {
  readonly images = new Set<string>();
  readonly builds: { readonly onProgress: (text: string) => void; readonly end: (error?: Error) => void }[] = [];

  has(image: string): Promise<boolean> {
    return Promise.resolve(this.images.has(image));
  }

  ensure(image: string, { signal, onProgress }: Parameters<ImageEngine['ensure']>[1]): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('given up')));
      const end = (error?: Error): void => {
        if (error) return reject(error);
        this.images.add(image);
        resolve();
      };
      this.builds.push({ onProgress, end });
    });
  }
}

const clock = new FakeClock();
let engine: HandEngine;
let images: InMemoryHostImages;
let hosts: InMemoryHostStore;
const makers: PresetImageMaker[] = [];

beforeEach(async () => {
  engine = new HandEngine();
  hosts = new InMemoryHostStore(new InMemoryRunStore(clock), clock);
  images = new InMemoryHostImages(hosts, clock);
  await hosts.noteWorker(aHeartbeat());
});
afterEach(() => Promise.all(makers.splice(0).map((maker) => maker.stop())));

async function startMaker(worker = WORKER, image = IMAGE): Promise<PresetImageMaker> {
  const deps = {
    store: images,
    engine,
    presets: new Map([['coder', { image }]]),
    clock,
    logger: new RecordingLogger(),
  };
  const maker = new PresetImageMaker(deps, worker);
  makers.push(maker);
  maker.start();
  await settle();
  return maker;
}

async function only(): Promise<HostImage | undefined> {
  await hosts.noteWorker(aHeartbeat());
  return (await images.read())[0];
}

it('tells what the engine has, at its start and again and again', async () => {
  await startMaker();
  expect(await only()).toMatchObject({ state: 'absent', preset: 'coder' });
  engine.images.add(IMAGE);
  await clock.advance(32_000);
  expect(await only()).toMatchObject({ state: 'present' });
});

it('makes what is wanted, tells how far it is, and tells its end', async () => {
  await startMaker();
  await images.want('coder', IMAGE);
  await clock.advance(2_000);
  expect(await only()).toMatchObject({ state: 'making' });
  engine.builds[0]?.onProgress('Step 3/9');
  await clock.advance(5_000);
  expect(await only()).toMatchObject({ state: 'making', progress: 'Step 3/9' });
  engine.builds[0]?.end();
  await settle();
  expect(await only()).toMatchObject({ state: 'present', progress: null });
  await clock.advance(60_000);
  expect(engine.builds).toHaveLength(1);
});

it('tells why an image could not be made', async () => {
  await startMaker();
  await images.want('coder', IMAGE);
  await clock.advance(2_000);
  engine.builds[0]?.end(new AppError('image_build_failed', 'no such package'));
  await settle();
  expect(await only()).toMatchObject({
    state: 'failed',
    error: { code: 'image_build_failed', message: 'no such package' },
  });
});

it('makes nothing that its own version would not use', async () => {
  await startMaker(WORKER, 'crewtab-preset/coder:2');
  await images.want('coder', IMAGE);
  await clock.advance(2_000);
  await settle();
  expect((await images.read()).find(({ image }) => image === IMAGE)).toMatchObject({
    state: 'failed',
    error: { code: 'preset_unusable', message: expect.stringContaining('crewtab-preset/coder:2') as string },
  });
  expect(engine.builds).toEqual([]);
});

it('leaves the image to another worker of its host when it stops', async () => {
  const first = await startMaker();
  await images.want('coder', IMAGE);
  await clock.advance(2_000);
  expect(engine.builds).toHaveLength(1);
  await first.stop();
  expect(await only()).toMatchObject({ state: 'making' });
  await startMaker(OTHER_WORKER);
  await clock.advance(40_000);
  engine.builds[1]?.end();
  await settle();
  expect(await only()).toMatchObject({ state: 'present' });
});
