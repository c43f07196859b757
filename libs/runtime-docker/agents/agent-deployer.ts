import { AppError, type ErrorCode } from '@crewtab/domain/errors';
import type { AgentSpec, AgentUnit, DeploymentSpec, DeployOptions } from '@crewtab/domain/ports/runtime';
import type Docker from 'dockerode';
import { inspectContainer, wasStarted, putInto, statIn, type TarEntry } from './containers';
import { remember, type ImageFactsBook } from '../images/images';
import { createContainer } from '../engine/create-container';
import {
  type ImageFacts,
  commandOf,
  containerFiles,
  containerName,
  containerSpec,
  imagesOf,
  machineNow,
  programCandidates,
  deadlineSeconds,
  workspaceEntry,
  type Launch,
  type GuardPrograms,
  type OurPrograms,
} from './container-spec';
import type { DockerSettings } from '../docker-options';
import {
  type EngineClient,
  type MutationOptions,
  EngineRefusal,
  isRefusal,
  toAppError,
  aborted,
} from '../engine/engine-client';
import { createHelper, removeHelper } from '../resources/helper-container';
import { belongsToRun } from '../resources/run-resources';
import type { Networks } from '../resources/networks';

/** Refusals that pass when other containers end. */
const EXHAUSTED = /no available IPv4 addresses|exchange full/i;
const ATTEMPTS = 3;
/** The longest time between a container's creation and its start while the worker that makes it runs undisturbed, ms. */
const START_GRACE_MS = 5_000;
const START_LOOK_MS = 100;

interface Order {
  readonly deployment: DeploymentSpec;
  readonly agent: AgentSpec;
  readonly facts: ImageFacts;
  readonly programs: OurPrograms;
  readonly options: MutationOptions & { readonly signal: AbortSignal };
  /** See `DeployOptions`. */
  readonly now: () => Date;
}

/**
 * Get-or-create of one agent's container, found by its name. After a crash or a lost reply the next call finds nothing and
 * creates it, a created container and replaces it, or a started one and adopts it.
 */
export class AgentDeployer {
  /** Programs that were seen in images, so that each is looked for once. */
  private readonly seenPrograms = new Map<string, true>();
  /** Runs whose workspace this worker has made writable, or is about to: true where that worked. */
  private readonly workspaces = new Map<string, Promise<boolean>>();

  constructor(
    private readonly engine: EngineClient,
    private readonly factsBook: ImageFactsBook,
    private readonly guards: GuardPrograms,
    private readonly networks: Networks,
    private readonly settings: DockerSettings,
  ) {}

  async ensure(deployment: DeploymentSpec, agent: AgentSpec, { signal, now }: DeployOptions): Promise<AgentUnit> {
    if (agent.image === null) throw new AppError('image_not_found', `agent "${agent.name}" has no image`);
    const facts = await this.factsBook.of(agent.image, deployment, signal);
    const programs = {
      guard: await this.guards.guard(),
      // The guard confines what it starts; a build without the one lacks the other too.
      confine: null,
      forwarder: await this.guards.forwarderFor(deployment.network),
    };
    const options = { priority: 'deploy', signal } as const;
    const order: Order = { deployment, agent, facts, programs, options, now: now ?? machineNow };
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const id = (await this.createAndStart(order)) ?? (await this.adopt(order));
      if (id !== null) return { handle: id, container: containerName(deployment, agent) };
    }
    throw new AppError('create_failed', `${containerName(deployment, agent)} came and went while it was made`, {
      retryable: true,
    });
  }

  /** Null where the name is taken, or where the container was removed before it was started. */
  private async createAndStart(order: Order): Promise<string | null> {
    const endsAfterSeconds = deadlineSeconds(order.deployment.deadlineAt, order.now(), this.settings.deadlineGraceMs);
    const under = order.programs.guard && 'guard';
    const container = await this.create(order, { kind: 'limited', endsAfterSeconds, under });
    return container && this.complete(order, container);
  }

  /**
   * Adopts the container that has the name, if it is this run's and was started. Null where it is gone by now.
   * A container that was created but not started is replaced, even if its removal is under way already: an engine that died
   * during the start, and starts it once more, was seen to give the agent an input that had already ended.
   */
  private async adopt(order: Order): Promise<string | null> {
    const { deployment, agent } = order;
    const name = containerName(deployment, agent);
    const found = await inspectContainer(this.engine, name);
    if (!found) return null;
    if (!belongsToRun(found.Config.Labels, deployment.installationId, deployment.runId)) {
      throw new AppError('name_conflict', `a container named ${name} exists that does not belong to this run`);
    }
    if (wasStarted(found.State) || (await this.isStartedSoon(order, found))) return found.Id;
    // A worker that took the run over may have made it.
    if (order.options.signal.aborted) throw aborted(order.options.signal);
    // Not by force: where a start is under way, it is waited for, and the engine refuses.
    await this.remove(this.engine.docker.getContainer(found.Id), { force: false });
    return null;
  }

  /** The worker that made it may be about to start it: two workers that remove each other's containers both fail. */
  private async isStartedSoon(
    { options: { signal }, now }: Order,
    { Id, Created }: Docker.ContainerInspectInfo,
  ): Promise<boolean> {
    // The engine's clock may be another one than ours.
    const ageMs = Math.max(0, now().getTime() - Date.parse(Created));
    const giveUpAt = performance.now() + START_GRACE_MS - ageMs;
    while (performance.now() < giveUpAt && !signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, START_LOOK_MS));
      const found = await inspectContainer(this.engine, Id);
      if (!found || wasStarted(found.State)) return found !== null;
    }
    return false;
  }

  private async complete(order: Order, container: Docker.Container): Promise<string | null> {
    const isSeen = await this.hasProgram(order, container);
    let started = container;
    if (!isSeen) {
      await this.remove(container);
      const bare = await this.create(order, { kind: 'bare' });
      if (!bare) return null;
      started = bare;
    }
    try {
      await this.furnish(order, started);
      if (order.options.signal.aborted) throw aborted(order.options.signal);
      await this.start(order, started);
      if (isSeen || order.programs.guard === null) return started.id;
      // The engine has found what could not be seen. No agent runs without the guard that there is.
      this.noteProgram(order);
      await this.remove(started);
      return null;
    } catch (error) {
      if (isRefusal(error, 404, 409)) return null;
      throw withCode(error, 'create_failed');
    }
  }

  /**
   * Puts the agent's files and folders into its container, and makes the workspace writable. The latter once a run, and not
   * where the team's only image has the workspace: a new volume takes over what the image has in its place.
   */
  private async furnish(
    { deployment, agent, facts, programs, options }: Order,
    container: Docker.Container,
  ): Promise<void> {
    const own = containerFiles(agent, facts, programs);
    const put = (entries: readonly TarEntry[]): Promise<void> =>
      this.put(deployment, facts, container, entries, options.signal);
    if (facts.hasWorkspace && imagesOf(deployment).length <= 1) return put(own);
    const byAnother = this.workspaces.get(deployment.runId);
    if (byAnother && (await byAnother)) return put(own);
    const all = put([workspaceEntry(facts), ...own]);
    remember(
      this.workspaces,
      deployment.runId,
      all.then(
        () => true,
        () => false,
      ),
    );
    await all;
  }

  private async put(
    deployment: DeploymentSpec,
    { imageId }: ImageFacts,
    container: Docker.Container,
    entries: readonly TarEntry[],
    signal: AbortSignal,
  ): Promise<void> {
    if (entries.length === 0) return;
    if (this.settings.isRootWritable) return putInto(this.engine, container, entries, signal);
    const helper = await createHelper(this.engine, deployment, imageId, container, signal);
    try {
      await putInto(this.engine, helper, entries, signal);
    } finally {
      await removeHelper(this.engine, helper);
    }
  }

  /** Null where the name is taken. */
  private async create(order: Order, launch: Launch): Promise<Docker.Container | null> {
    const { deployment, agent, facts, options } = order;
    const spec = containerSpec(deployment, agent, facts, this.settings, launch);
    try {
      return await this.engine.mutate('docker.container.create', `create ${spec.name}`, options, (abortSignal) =>
        createContainer(this.engine.docker, spec, abortSignal),
      );
    } catch (error) {
      if (isRefusal(error, 409)) return null;
      const isImageGone = isRefusal(error, 404) && /no such image/i.test(error.words);
      throw withCode(error, isImageGone ? 'image_not_found' : 'create_failed');
    }
  }

  private async start(order: Order, container: Docker.Container): Promise<void> {
    const { deployment, options } = order;
    const what = `start ${containerName(deployment, order.agent)}`;
    const call = (): Promise<unknown> =>
      this.engine.mutate('docker.container.start', what, options, (abortSignal) => container.start({ abortSignal }));
    try {
      await call();
    } catch (error) {
      if (isRefusal(error, 304)) return;
      if (!hasNetworkChanged(error)) throw startFailure(error);
      await this.networks.ensure(deployment, options.signal);
      await call().catch((again: unknown) => Promise.reject(startFailure(again)));
    }
  }

  /** True where the agent's program is in the container, or where that cannot be told. */
  private async hasProgram(order: Order, container: Docker.Container): Promise<boolean> {
    const { agent, facts } = order;
    const [program] = commandOf(agent, facts);
    // Without a command the engine refuses the create call, in its own words.
    if (program === undefined) return true;
    const candidates = programCandidates(program, agent, facts);
    if (candidates === null || this.seenPrograms.has(placesKey(facts, candidates))) return true;
    const stats = await Promise.all(candidates.map((path) => statIn(this.engine, container, path)));
    const isThere = stats.some((stat) => stat?.isExecutable);
    if (isThere) this.noteProgram(order);
    return isThere;
  }

  private noteProgram({ agent, facts }: Order): void {
    const candidates = programCandidates(commandOf(agent, facts)[0] ?? '', agent, facts);
    if (candidates !== null) remember(this.seenPrograms, placesKey(facts, candidates), true);
  }

  private async remove(container: Docker.Container, { force } = { force: true }): Promise<void> {
    try {
      await this.engine.mutate('docker.container.replace', 'remove', { priority: 'deploy' }, (abortSignal) =>
        container.remove({ force, v: true, abortSignal }),
      );
    } catch (error) {
      if (!isRefusal(error, 404, 409)) throw toAppError(error);
    }
  }
}

function placesKey({ imageId }: ImageFacts, candidates: readonly string[]): string {
  return `${imageId} ${candidates.join(':')}`;
}

/** Since `prepare`, the network was removed, or a second one of its name was made: see `Networks`. */
function hasNetworkChanged(error: unknown): boolean {
  if (!(error instanceof EngineRefusal)) return false;
  const isGone = error.statusCode === 404 && /network .*not found/i.test(error.words);
  return isGone || /network .*is ambiguous/i.test(error.words);
}

/** 404 and 409 without a word of the network or program: the container itself is gone or going. */
function startFailure(error: unknown): unknown {
  if (!(error instanceof EngineRefusal)) return error;
  if (EXHAUSTED.test(error.words)) return new AppError('create_failed', error.words, { retryable: true, cause: error });
  const isContainerGone = /no such container|marked for removal|removal of container/i.test(error.words);
  return isContainerGone ? error : new AppError('start_failed', error.words, { cause: error });
}

function withCode(error: unknown, code: ErrorCode): unknown {
  return error instanceof EngineRefusal ? new AppError(code, error.words, { cause: error }) : error;
}
