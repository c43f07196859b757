import { randomBytes } from 'node:crypto';
import Docker from 'dockerode';
import type { ImageBuild, ImageSources } from '@crewtab/domain/ports/image-sources';
import { DockerRuntime } from '@crewtab/runtime-docker/docker-runtime';
import { connectionTo } from '@crewtab/runtime-docker/engine/engine-client';
import { describeWithDocker, dockerHost } from '../../kit/services/docker';
import { openLab, type DockerLab } from './docker-lab';

/** Takes turns as workers on one database do. */
class Turns {
  private readonly taken = new Set<string>();

  readonly withSingleWriter: ImageSources['withSingleWriter'] = async (name, work) => {
    if (this.taken.has(name)) return false;
    this.taken.add(name);
    await work().finally(() => this.taken.delete(name));
    return true;
  };
}

describeWithDocker('images of presets', () => {
  const docker = new Docker(connectionTo(dockerHost()));
  const made: string[] = [];
  let lab: DockerLab;
  beforeAll(async () => (lab = await openLab()));
  afterAll(async () => {
    for (const image of made)
      await docker
        .getImage(image)
        .remove({ force: true })
        .catch(() => undefined);
    await lab.fixture.dispose();
  });

  function buildOf(dockerfile: string, preset = `preset-${randomBytes(4).toString('hex')}`): ImageBuild {
    const image = `crewtab-test/${preset}:${randomBytes(4).toString('hex')}`;
    made.push(image);
    const files = [
      { path: 'Dockerfile', content: Buffer.from(`ARG BASE\nFROM \${BASE}\n${dockerfile}\n`) },
      { path: 'note', content: Buffer.from('a note') },
    ];
    return { preset, image, files, buildArgs: { BASE: lab.image } };
  }

  function runtimeWith(build: ImageBuild, turns: Turns, sources: Partial<ImageSources> = {}): DockerRuntime {
    const imageSources: ImageSources = {
      buildOf: (image) => (image === build.image ? build : null),
      pullPolicy: 'missing',
      credentials: {},
      keepFormerMs: null,
      withSingleWriter: turns.withSingleWriter,
      ...sources,
    };
    return new DockerRuntime({ dockerHost: dockerHost(), imageSources });
  }

  async function prepare(runtime: DockerRuntime, image: string): Promise<string[]> {
    const said: string[] = [];
    const agent = { ...lab.fixture.agent('solo', { does: 'echo' }), image };
    const options = { signal: new AbortController().signal, onProgress: (text: string) => said.push(text) };
    await runtime.prepare(lab.fixture.deployment({ agents: [agent] }), options);
    return said;
  }

  it('are built once by two workers that need one at the same time, with its steps told', async () => {
    const build = buildOf('COPY note /note\nRUN echo "made at $(date +%s%N)" > /made');
    const turns = new Turns();
    const both = await Promise.all([1, 2].map(() => prepare(runtimeWith(build, turns), build.image)));
    const builder = both.find((said) => said.some((text) => text.startsWith('built ')));
    const waiter = both.find((said) => said !== builder);
    const steps = ['ARG BASE', 'FROM', 'COPY note', 'RUN echo'];
    expect(builder?.at(0)).toContain(`for the preset ${build.preset}`);
    for (const [at, step] of steps.entries())
      expect(builder?.at(at + 1)).toMatch(new RegExp(`: Step ${at + 1}/\\d+ : ${step}`));
    expect(builder?.at(-1)).toMatch(/^built .* in \d+ s$/);
    expect(waiter).toEqual([`waiting for another worker that builds ${build.image}`]);
    expect(await prepare(runtimeWith(build, turns), build.image)).toEqual([]);
  }, 120_000);

  it('that fail are tried once more, and end with what the build said', async () => {
    const build = buildOf('RUN echo "no such package: left-pad" && false');
    const said: string[] = [];
    const agent = { ...lab.fixture.agent('solo', { does: 'echo' }), image: build.image };
    const options = { signal: new AbortController().signal, onProgress: (text: string) => said.push(text) };
    const runtime = runtimeWith(build, new Turns());
    const failing = runtime.prepare(lab.fixture.deployment({ agents: [agent] }), options);
    await expect(failing).rejects.toMatchObject({
      code: 'image_build_failed',
      message: expect.stringContaining('no such package: left-pad') as string,
    });
    expect(said.filter((text) => text.includes('trying once more'))).toHaveLength(1);
    await runtime.close();
  }, 120_000);

  it('go once their preset has another one and they are old enough', async () => {
    const former = buildOf('RUN echo former > /made');
    await prepare(runtimeWith(former, new Turns()), former.image);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const next = buildOf('RUN echo next > /made', former.preset);
    await prepare(runtimeWith(next, new Turns(), { keepFormerMs: 3_600_000 }), next.image);
    await docker.getImage(former.image).inspect();
    const last = buildOf('RUN echo last > /made', former.preset);
    await prepare(runtimeWith(last, new Turns(), { keepFormerMs: 0 }), last.image);
    await expect(docker.getImage(former.image).inspect()).rejects.toMatchObject({ statusCode: 404 });
    await docker.getImage(last.image).inspect();
  }, 120_000);

  it('of a registry are not asked for where nothing may be pulled', async () => {
    const runtime = runtimeWith(buildOf(''), new Turns(), { pullPolicy: 'never' });
    await expect(prepare(runtime, 'localhost:1/crewtab-test/absent:v1')).rejects.toMatchObject({
      code: 'image_not_found',
      message: expect.stringContaining('IMAGE_PULL_POLICY') as string,
    });
  }, 60_000);
});
