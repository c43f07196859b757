import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { AppError } from '@crewtab/domain/errors';
import { effect } from '@crewtab/domain/failpoint';
import type { ImageBuild, ImageSources } from '@crewtab/domain/ports/image-sources';
import type { DeployOptions, DeploymentSpec } from '@crewtab/domain/ports/runtime';
import type Docker from 'dockerode';
import { ImageFacts, chooseUser, mayWrite } from '../agents/container-spec';
import { readEntry, statIn } from '../agents/containers';
import { WORKSPACE_DIR } from '../docker-options';
import { createContainer } from '../engine/create-container';
import { aborted, isRefusal, toAppError, type EngineClient, type MutationOptions } from '../engine/engine-client';
import { runLabels } from '../resources/run-resources';
import { buildImage, PRESET_LABEL } from './build-image';
import { followProgress, NO_PROGRESS, type ProgressMessage } from './follow-progress';

const REFERENCE = /^[A-Za-z0-9][A-Za-z0-9._/:@-]*$/;

/** Between two looks whether another worker has built an image, ms. */
const TURN_EVERY_MS = 1_000;
/** Before a pull that failed is tried once more, ms. */
const PULL_AGAIN_MS = 2_000;

/** Where nothing else is said: absent images are pulled, none is built. */
const REGISTRIES: ImageSources = {
  buildOf: () => null,
  pullPolicy: 'missing',
  credentials: {},
  keepFormerMs: null,
  withSingleWriter: () => Promise.resolve(false),
};

/** Images on the engine. */
export class Images {
  /** @param hostId of the host whose engine it is */
  constructor(
    private readonly engine: EngineClient,
    private readonly sources: ImageSources = REGISTRIES,
    private readonly hostId: () => Promise<string> = () => Promise.resolve(''),
  ) {}

  /** Null where the engine does not have it. */
  async find(reference: string): Promise<Docker.ImageInspectInfo | null> {
    // It becomes part of a path of the engine's API.
    if (!REFERENCE.test(reference) || reference.includes('..'))
      throw new AppError('image_not_found', `"${reference}" is not an image reference`);
    try {
      return await this.engine.read(`inspect image ${reference}`, () =>
        this.engine.docker.getImage(reference).inspect(),
      );
    } catch (error) {
      if (isRefusal(error, 404, 400)) return null;
      throw toAppError(error);
    }
  }

  /**
   * Pulls it, or builds it where it is a preset's, as the policy says. Throws `image_not_found`, `image_pull_failed` or
   * `image_build_failed` in the engine's words.
   */
  async ensure(reference: string, options: DeployOptions): Promise<Docker.ImageInspectInfo> {
    const { pullPolicy } = this.sources;
    const present = await this.find(reference);
    const build = this.sources.buildOf(reference);
    if (present && (build !== null || pullPolicy !== 'always')) return present;
    if (build !== null) return this.buildInTurn(build, options);
    if (pullPolicy === 'never')
      throw new AppError('image_not_found', `the host has no image ${reference}, and IMAGE_PULL_POLICY is never`);
    return this.pull(reference, options);
  }

  /**
   * One worker of the host builds, the others wait for it. A worker that dies in the middle leaves the turn to the next one,
   * and layers that the engine keeps.
   */
  private async buildInTurn(build: ImageBuild, options: DeployOptions): Promise<Docker.ImageInspectInfo> {
    const { image, purpose = `the preset ${build.preset}` } = build;
    const beganAtMs = performance.now();
    for (let hasTold = false; ; hasTold = true) {
      const made = await this.find(image);
      if (made) return made;
      const turn = `image:${await this.hostId()}:${image}`;
      const isOurs = await this.sources.withSingleWriter(turn, async () => {
        if (await this.find(image)) return;
        options.onProgress(`building ${image} for ${purpose}; the run's time goes on meanwhile`);
        await buildImage(this.engine, build, this.sources.credentials, options);
        options.onProgress(`built ${image} in ${Math.round((performance.now() - beganAtMs) / 1_000)} s`);
        await this.removeFormer(build);
      });
      if (isOurs) continue;
      if (!hasTold) options.onProgress(`waiting for another worker that builds ${image}`);
      await pause(TURN_EVERY_MS, options.signal);
    }
  }

  /** Other images of the preset that are old enough; those that containers use stay, and what resists stays too. */
  private async removeFormer({ preset, image }: ImageBuild): Promise<void> {
    const { keepFormerMs } = this.sources;
    if (keepFormerMs === null) return;
    const filters = JSON.stringify({ label: [`${PRESET_LABEL}=${preset}`] });
    const images = await this.engine.read('list images', () => this.engine.docker.listImages({ filters }));
    const former = images.filter(({ RepoTags: tags, Created }) => {
      return !(tags ?? []).includes(image) && Date.now() - Created * 1_000 > keepFormerMs;
    });
    for (const { Id: id } of former) {
      await this.engine
        .mutate('docker.image.remove', `remove image ${id}`, { priority: 'teardown' }, () =>
          this.engine.docker.getImage(id).remove(),
        )
        .catch(() => undefined);
    }
  }

  private async pull(reference: string, options: DeployOptions): Promise<Docker.ImageInspectInfo> {
    options.onProgress(`pulling ${reference}`);
    try {
      await this.pullOnce(reference, options);
    } catch (error) {
      // A registry may be away for a moment; one that stands still was waited for already.
      if (!(error instanceof AppError) || error.code !== 'image_pull_failed' || error.message.includes(NO_PROGRESS))
        throw error;
      options.onProgress(`pulling ${reference} failed (${error.message}); trying once more`);
      await pause(PULL_AGAIN_MS, options.signal);
      await this.pullOnce(reference, options);
    }
    const pulled = await this.find(reference);
    if (!pulled) throw new AppError('image_not_found', `the engine pulled ${reference} but does not have it`);
    options.onProgress(`pulled ${reference}`);
    return pulled;
  }

  private async pullOnce(reference: string, options: DeployOptions): Promise<void> {
    const progress = new PullProgress(reference);
    const authconfig = this.sources.credentials[registryOf(reference)];
    await followProgress({
      what: `pull ${reference}`,
      signal: options.signal,
      failedCode: 'image_pull_failed',
      silenceLimitMs: this.engine.limits.stallMs,
      call: (abortSignal) =>
        effect('docker.image.pull', () =>
          this.engine.docker.createImage(authconfig ?? {}, { ...splitReference(reference), abortSignal }),
        ),
      onMessage: (message) => {
        const words = progress.add(message, performance.now());
        if (words !== null) options.onProgress(words);
      },
    });
  }

  /** Makes an image of a root file system, as `docker import` does. `changes` are Dockerfile instructions. */
  async import(tar: Readable | string, reference: string, changes: readonly string[]): Promise<void> {
    const { fromImage: repo, tag } = splitReference(reference);
    const file = typeof tar === 'string' ? createReadStream(tar) : tar;
    const call = (abortSignal: AbortSignal): Promise<NodeJS.ReadableStream> =>
      this.engine.docker.importImage(file, { repo, tag, changes: [...changes], abortSignal });
    await followProgress({
      what: `import ${reference}`,
      signal: null,
      failedCode: 'engine_error',
      silenceLimitMs: this.engine.limits.stallMs,
      call,
      onMessage: () => undefined,
    });
  }
}

/** The registry's host: what stands before the first slash, where it can be one. */
function registryOf(reference: string): string {
  const [first = '', ...rest] = reference.split('/');
  return rest.length > 0 && /[.:]|^localhost$/.test(first) ? first : 'docker.io';
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => resolve(clearTimeout(timer)), { once: true });
  });
  if (signal.aborted) throw aborted(signal);
}

/** What the engine's pull takes: without a tag it would fetch every tag there is, so the default is named. */
export function splitReference(reference: string): { readonly fromImage: string; readonly tag: string } {
  const at = reference.indexOf('@');
  if (at >= 0) return { fromImage: reference.slice(0, at), tag: reference.slice(at + 1) };
  const colon = reference.lastIndexOf(':');
  // A colon before the last slash belongs to a registry's port.
  if (colon > reference.lastIndexOf('/'))
    return { fromImage: reference.slice(0, colon), tag: reference.slice(colon + 1) };
  return { fromImage: reference, tag: 'latest' };
}

const TELL_EVERY_MS = 1_000;

/** Makes words of a pull's layers, at most one a second. */
export class PullProgress {
  private readonly layers = new Map<string, { done: number; total: number }>();
  private toldAtMs = -Infinity;
  private toldPercent = -1;

  constructor(private readonly image: string) {}

  /** @returns words worth telling, or null. `nowMs` is monotonic. */
  add(message: ProgressMessage, nowMs: number): string | null {
    this.note(message);
    const percent = this.percent();
    if (percent === null || percent === this.toldPercent || nowMs - this.toldAtMs < TELL_EVERY_MS) return null;
    this.toldAtMs = nowMs;
    this.toldPercent = percent;
    return `pulling ${this.image} … ${percent} %`;
  }

  private note({ id, status, progressDetail }: ProgressMessage): void {
    if (id === undefined) return;
    const { current, total } = progressDetail ?? {};
    if (status === 'Downloading' && current !== undefined && total !== undefined && total > 0)
      this.layers.set(id, { done: current, total });
    const layer = this.layers.get(id);
    if (layer && (status === 'Download complete' || status === 'Pull complete' || status === 'Extracting'))
      layer.done = layer.total;
  }

  /** Of the layers whose size is known so far; null before the first. */
  private percent(): number | null {
    let done = 0;
    let total = 0;
    for (const layer of this.layers.values()) {
      done += layer.done;
      total += layer.total;
    }
    return total === 0 ? null : Math.floor((100 * done) / total);
  }
}

const TIMEOUT_PATHS = ['/usr/bin/timeout', '/bin/timeout', '/usr/local/bin/timeout'];

/**
 * Looks into images, once for each image id: by its configuration, and through a container that is made of it,
 * never started, and removed.
 */
export class ImageFactsBook {
  private readonly byId = new Map<string, Promise<ImageFacts>>();
  private readonly idByReference = new Map<string, string>();

  constructor(
    private readonly engine: EngineClient,
    private readonly images: Images,
  ) {}

  /** Pulls the image where it is absent and looks into it where that was not done yet. */
  async prepare(reference: string, deployment: DeploymentSpec, options: DeployOptions): Promise<void> {
    const image = await this.images.ensure(reference, options);
    remember(this.idByReference, reference, image.Id);
    await this.lookInto(image, deployment, options.signal);
  }

  /** The facts of an image that should be on the engine (`image_not_found` where it is not). */
  async of(reference: string, deployment: DeploymentSpec, signal: AbortSignal): Promise<ImageFacts> {
    const known = this.byId.get(this.idByReference.get(reference) ?? '');
    if (known) return known;
    const image = await this.images.find(reference);
    if (!image) throw new AppError('image_not_found', `the engine has no image ${reference}`);
    remember(this.idByReference, reference, image.Id);
    return this.lookInto(image, deployment, signal);
  }

  private lookInto(
    image: Docker.ImageInspectInfo,
    deployment: DeploymentSpec,
    signal: AbortSignal,
  ): Promise<ImageFacts> {
    const known = this.byId.get(image.Id);
    if (known) return known;
    const looking = this.probe(image, deployment, { priority: 'deploy', signal });
    remember(this.byId, image.Id, looking);
    looking.catch(() => this.byId.delete(image.Id));
    return looking;
  }

  private async probe(
    image: Docker.ImageInspectInfo,
    deployment: DeploymentSpec,
    options: MutationOptions,
  ): Promise<ImageFacts> {
    const container = await this.createProbe(image.Id, deployment, options);
    try {
      const [passwd, workspace, tmp, timeoutPath] = await Promise.all([
        readEntry(this.engine, container, '/etc/passwd'),
        readEntry(this.engine, container, WORKSPACE_DIR),
        statIn(this.engine, container, '/tmp'),
        this.findTimeout(container),
      ]);
      const { Entrypoint: entrypoint, Cmd: command, Env: env, User: user } = image.Config;
      const agentUser = chooseUser(user ?? '', passwd?.content ?? '', parseEnv(env ?? []).HOME ?? null);
      return {
        imageId: image.Id,
        command: [...listOf(entrypoint), ...listOf(command)],
        env: parseEnv(env ?? []),
        user: agentUser,
        hasWorkspace: workspace !== null && mayWrite(agentUser, workspace),
        timeoutPath,
        hasTmp: tmp !== null,
      };
    } finally {
      await this.removeProbe(container, options);
    }
  }

  /** Bears the run's labels, so that a worker that dies right here leaves nothing that the run's teardown overlooks. */
  private async createProbe(
    imageId: string,
    deployment: DeploymentSpec,
    options: MutationOptions,
  ): Promise<Docker.Container> {
    const spec = {
      name: `${deployment.name}-probe-${randomBytes(4).toString('hex')}`,
      Image: imageId,
      Entrypoint: ['true'],
      Labels: runLabels(deployment),
      HostConfig: { NetworkMode: 'none' },
    };
    try {
      return await this.engine.mutate('docker.probe.create', 'create probe', options, (abortSignal) =>
        createContainer(this.engine.docker, spec, abortSignal),
      );
    } catch (error) {
      throw toAppError(error);
    }
  }

  /**
   * A probe that resists is no reason to fail the run: it bears the run's labels, so the run's teardown meets it again,
   * and goes on until it is gone.
   */
  private async removeProbe(container: Docker.Container, { priority }: MutationOptions): Promise<void> {
    await this.engine
      .mutate('docker.probe.remove', 'remove probe', { priority }, (abortSignal) =>
        container.remove({ force: true, v: true, abortSignal }),
      )
      .catch(() => undefined);
  }

  private async findTimeout(container: Docker.Container): Promise<string | null> {
    const stats = await Promise.all(TIMEOUT_PATHS.map((path) => statIn(this.engine, container, path)));
    return TIMEOUT_PATHS.find((_, index) => stats[index]?.isExecutable) ?? null;
  }
}

function listOf(value: string | string[] | null | undefined): string[] {
  if (value === null || value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

function parseEnv(entries: readonly string[]): Record<string, string> {
  const pairs = entries.map((entry): [string, string] => {
    const equals = entry.indexOf('=');
    return equals < 0 ? [entry, ''] : [entry.slice(0, equals), entry.slice(equals + 1)];
  });
  return Object.fromEntries(pairs);
}

const MOST_REMEMBERED = 1_000;

/** Keeps the latest entries of a map, so that what is only remembered to save calls cannot grow for ever. */
export function remember<V>(memory: Map<string, V>, key: string, value: V): void {
  memory.delete(key);
  memory.set(key, value);
  const [oldest] = memory.keys();
  if (memory.size > MOST_REMEMBERED && oldest !== undefined) memory.delete(oldest);
}
