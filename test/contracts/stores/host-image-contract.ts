import type { HostImage, HostImageStore, MadeImage } from '@crewtab/domain/ports/host-images';
import type { WorkerHeartbeat } from '@crewtab/domain/ports/host-store';
import type { HostStoreSubject } from './host-store-contract';
import { aHeartbeat, FAR_WORKER, OTHER_WORKER, WORKER } from './run-store-fixture';

export interface HostImageSubject extends HostStoreSubject {
  readonly images: HostImageStore;
}

const IMAGE = 'crewtab-preset/coder:1';
const FAILURE = { code: 'image_build_failed', message: 'no such package' } as const;

/** What every HostImageStore must do; `setup` answers empty stores. */
export function hostImageContract(name: string, setup: () => Promise<HostImageSubject>): void {
  describe(`${name} keeps the contract of hosts' images`, () => {
    let subject: HostImageSubject;
    let images: HostImageStore;

    beforeEach(async () => {
      subject = await setup();
      images = subject.images;
      await sendHeartbeat();
    });
    afterEach(() => subject.close());

    const sendHeartbeat = (change: Partial<WorkerHeartbeat> = {}) =>
      subject.hosts.noteWorker({ ...aHeartbeat(), ...change });
    const { host, workerId } = WORKER;
    const made = (worker = workerId): MadeImage => ({ host, image: IMAGE, worker });
    const states = (all: readonly HostImage[]) => all.map((one) => [one.host, one.state]);
    const see = (isPresent: boolean) => images.noteImages(host, [{ preset: 'coder', image: IMAGE, isPresent }]);
    const only = async (): Promise<HostImage | undefined> => (await images.read())[0];

    it('tells what a worker has seen, until it sees otherwise', async () => {
      await see(false);
      expect(await images.read()).toMatchObject([
        { host, preset: 'coder', image: IMAGE, state: 'absent', progress: null, error: null },
      ]);
      await see(true);
      expect(await only()).toMatchObject({ state: 'present' });
      await images.noteImages('no-such-host', [{ preset: 'coder', image: IMAGE, isPresent: true }]);
      expect(await images.read()).toHaveLength(1);
    });

    it('is wanted of every host that is there and makes images', async () => {
      const far = { id: FAR_WORKER.host, runtime: 'docker', description: 'Docker' } as const;
      await sendHeartbeat({ id: FAR_WORKER.workerId, host: far });
      await sendHeartbeat({ id: 'bare', host: { ...far, id: 'bare-host', runtime: 'process' } });
      expect(states(await images.want('coder', IMAGE)).sort()).toEqual(
        [
          [FAR_WORKER.host, 'wanted'],
          [host, 'wanted'],
        ].sort(),
      );
      await subject.passTime(60_000);
      expect(await images.want('coder', IMAGE)).toEqual([]);
      expect(await images.read()).toEqual([]);
    });

    it('is made by one worker of its host, once', async () => {
      await images.want('coder', IMAGE);
      expect(await images.take(FAR_WORKER.host, FAR_WORKER.workerId)).toBeNull();
      const taken = await Promise.all([images.take(host, workerId), images.take(host, OTHER_WORKER.workerId)]);
      expect(taken.filter((one) => one !== null)).toEqual([{ preset: 'coder', image: IMAGE }]);
      const maker = taken[0] === null ? OTHER_WORKER.workerId : workerId;
      expect(await images.noteProgress(made(maker), 'Step 1/9')).toBe(true);
      expect(await only()).toMatchObject({ state: 'making', progress: 'Step 1/9' });
      // What is under way is told by its maker alone.
      await see(false);
      expect(states(await images.want('coder', IMAGE))).toEqual([[host, 'making']]);
      await images.end(made(maker), null);
      expect(await only()).toMatchObject({ state: 'present', progress: null, error: null });
      expect(states(await images.want('coder', IMAGE))).toEqual([[host, 'present']]);
      expect(await images.take(host, workerId)).toBeNull();
    });

    it('can be wanted again after a failure, which stays until then', async () => {
      await images.want('coder', IMAGE);
      await images.take(host, workerId);
      await images.end(made(), FAILURE);
      expect(await only()).toMatchObject({ state: 'failed', error: FAILURE });
      await see(false);
      expect(await only()).toMatchObject({ state: 'failed' });
      expect(await images.want('coder', IMAGE)).toMatchObject([{ state: 'wanted', error: null }]);
      expect(await images.take(host, workerId)).not.toBeNull();
    });

    it('is taken up by another worker once its maker is silent, and not before', async () => {
      await images.want('coder', IMAGE);
      await images.take(host, workerId);
      await subject.passTime(20_000);
      await images.noteProgress(made(), 'Step 2/9');
      await subject.passTime(20_000);
      expect(await images.take(host, OTHER_WORKER.workerId)).toBeNull();
      await subject.passTime(20_000);
      expect(await images.take(host, OTHER_WORKER.workerId)).toEqual({ preset: 'coder', image: IMAGE });
      expect(await images.noteProgress(made(), 'Step 3/9')).toBe(false);
      await images.end(made(), FAILURE);
      await sendHeartbeat();
      expect(await only()).toMatchObject({ state: 'making', progress: null });
    });
  });
}
