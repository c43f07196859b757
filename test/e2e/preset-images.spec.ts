import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { connectionTo } from '@crewtab/runtime-docker/engine/engine-client';
import { demoImage } from '../kit/services/demo-image';
import { describeWithDocker, dockerHost } from '../kit/services/docker';
import { eventually } from '../kit/wait-for';
import { Crewtab } from './support/crewtab';

jest.setTimeout(180_000);

describeWithDocker('the image of a preset', () => {
  const docker = new Docker(connectionTo(dockerHost()));
  const name = `slow-${randomBytes(4).toString('hex')}`;
  let folder: string;
  let crewtab: Crewtab;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crewtab-presets-'));
    await mkdir(join(folder, name));
    const preset = { title: 'Slow', description: 'Takes its time to be built.', command: ['node'] };
    await writeFile(join(folder, name, 'preset.json'), JSON.stringify(preset));
    const slowly = `RUN ["node", "-e", "setTimeout(() => 0, 8000)", "${name}"]`;
    await writeFile(join(folder, name, 'Dockerfile'), `FROM ${await demoImage()}\nUSER 0\n${slowly}\n`);
    const env = { CREWTAB_PRESETS: folder };
    crewtab = await Crewtab.start({ workers: 2, schedulerEnv: env, workerEnv: env });
  });

  afterAll(async () => {
    const image = await presetImage().catch(() => null);
    await (crewtab as Crewtab | undefined)?.stop();
    if (image !== null)
      await docker
        .getImage(image)
        .remove({ force: true })
        .catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
  });

  const shown = async () => {
    const { items } = await crewtab.api.request('GET /presets', {});
    const preset = items.find((one) => one.name === name);
    if (!preset) throw new Error(`there is no preset ${name}`);
    return preset;
  };
  const presetImage = async (): Promise<string> => (await shown()).image;
  const make = () => crewtab.api.request('POST /presets/:name/image', { params: { name } });
  const state = async (): Promise<string | undefined> => (await shown()).hostImages[0]?.state;
  const until = (wanted: string, timeoutMs = 30_000) =>
    eventually(async () => expect(await state()).toBe(wanted), { timeoutMs, intervalMs: 250 });

  it('is made before a run needs it, by another worker too when its maker is killed', async () => {
    await until('absent');
    const { hosts } = await make();
    expect(hosts).toMatchObject([{ state: 'wanted' }]);
    const progress = expect.stringMatching(/Step 3\/\d : RUN/) as string;
    await eventually(
      async () => expect((await shown()).hostImages).toMatchObject([{ state: 'making', progress, error: null }]),
      { timeoutMs: 60_000, intervalMs: 250 },
    );
    expect((await make()).hosts).toMatchObject([{ state: 'making' }]);
    const [{ pid } = { pid: 0 }] = await crewtab.sql<{ pid: number }>(
      'SELECT w.pid FROM host_images i JOIN workers w ON w.id = i.maker',
    );
    const maker = crewtab.workers.find((worker) => worker.pid === pid);
    expect(maker).toBeDefined();
    maker?.kill('SIGKILL');
    await until('present', 120_000);
    await docker.getImage(await presetImage()).inspect();
    expect((await make()).hosts).toMatchObject([{ state: 'present' }]);
  });
});
