import type {
  Leftover,
  TeardownReport,
  ResourceCounts,
  RunResources,
  StopOptions,
  DeploymentSpec,
} from '@crewtab/domain/ports/runtime';
import { deploymentSuffix } from '@crewtab/domain/runs/run';
import type { VolumeInspectInfo } from 'dockerode';
import { AppError } from '@crewtab/domain/errors';
import { withinLimit, type EngineClient, EngineRefusal, toAppError } from '../engine/engine-client';

/** Everything that Crewtab makes for a run bears these; what lacks them is never touched, except a half-made volume. */
export const LABELS = {
  installation: 'crewtab.installation',
  run: 'crewtab.run',
  agent: 'crewtab.agent',
  /** On the container of a program that is run once. */
  program: 'crewtab.program',
  epoch: 'crewtab.epoch',
  /** ISO 8601: past this plus the grace, a container is an orphan. */
  deadline: 'crewtab.deadline',
  /** On a workspace that a schedule keeps, which is no run's: the schedule, and the generation. */
  schedule: 'crewtab.schedule',
  generation: 'crewtab.generation',
  /** On what belongs to the host rather than to a run (the egress network): never reaped. */
  shared: 'crewtab.shared',
} as const;

export type Labels = Readonly<Record<string, string>>;

export function runLabels(deployment: DeploymentSpec): Record<string, string> {
  return {
    [LABELS.installation]: deployment.installationId,
    [LABELS.run]: deployment.runId,
    [LABELS.epoch]: String(deployment.epoch),
    [LABELS.deadline]: deployment.deadlineAt.toISOString(),
  };
}

export function belongsToRun(labels: Labels | null | undefined, installationId: string, runId: string): boolean {
  return labels?.[LABELS.installation] === installationId && labels[LABELS.run] === runId;
}

/** Follows the deployment's name in the name of the volume that the agents of a run share. */
export const WORKSPACE_SUFFIX = '-workspace';

/** How the name of a run's volume may end. */
function workspaceNameEnds(runId: string): string[] {
  return ([6, 12] as const).map((digits) => `${deploymentSuffix(runId, digits)}${WORKSPACE_SUFFIX}`);
}

/**
 * An engine that is killed while it makes a volume keeps the folder, and with it the name, but not the labels; making it
 * again changes nothing. Such a volume is told by its name and by having no label at all.
 */
export function isHalfMade({ Labels: labels }: { readonly Labels?: Labels | null }): boolean {
  return Object.keys(labels ?? {}).length === 0;
}

/** The engine's list filter for the resources of an installation, or of one of its runs. */
export function labelFilter(installationId: string, runId?: string): string[] {
  const filter = [`${LABELS.installation}=${installationId}`];
  return runId === undefined ? filter : [...filter, `${LABELS.run}=${runId}`];
}

/** A removal that another worker has begun is waited for this long; ms between looks. */
const VERIFY_LOOKS_MS = [0, 50, 200, 500, 1_000, 2_000];

/**
 * Removes everything with the run's labels and asks again. Safe to repeat and to run twice at once; a crash leaves
 * less than before. Throws only where the engine does not answer.
 */
export async function tearDown(
  engine: EngineClient,
  installationId: string,
  runId: string,
  graceMs: number,
): Promise<TeardownReport> {
  const found = await findResources(engine, installationId, runId);
  const containers = found.filter(({ kind }) => kind === 'container');
  if (graceMs > 0)
    await stopGently(
      engine,
      containers.filter(({ isRunning }) => isRunning),
      graceMs,
    );
  const reasons = new Map<string, string>();
  const removed = await removeAll(engine, containers, reasons);
  // A network and a volume can go only when no container has them.
  removed.push(
    ...(await removeAll(
      engine,
      found.filter(({ kind }) => kind !== 'container'),
      reasons,
    )),
  );
  return { removed: countResources(removed), left: await verify(engine, installationId, runId, reasons) };
}

/** A container that was killed is waited for so long, ms. */
const KILL_LIMIT_MS = 10_000;

/** See `Runtime.stop`. Only what is found here is ended by this call, however late. */
export async function stopRun(
  engine: EngineClient,
  installationId: string,
  runId: string,
  { graceMs, epoch }: StopOptions,
): Promise<void> {
  const find = async (): Promise<EngineResource[]> =>
    (await findResources(engine, installationId, runId)).filter(
      (one) => one.kind === 'container' && one.does !== null && one.epoch <= epoch,
    );
  const findRunning = async (): Promise<EngineResource[]> => (await find()).filter(({ isRunning }) => isRunning);
  const found = await find();
  const refused = new Map<string, string>();
  // One that was not started yet must not be started later, by a worker that does not know that it is late.
  await removeAll(
    engine,
    found.filter(({ does }) => does === 'program'),
    refused,
  );
  let running = found.filter(({ isRunning, does }) => isRunning && does === 'agent');
  if (running.length === 0 && refused.size === 0) return;
  if (graceMs > 0) {
    await stopGently(engine, running, graceMs);
    running = await findRunning();
  }
  await Promise.all(running.map((container) => kill(engine, container)));
  await Promise.all(running.map((container) => untilEnded(engine, container, KILL_LIMIT_MS)));
  const [left] = await findRunning();
  if (left) throw new AppError('engine_error', `${left.name} still runs after SIGKILL`, { retryable: true });
}

async function kill(engine: EngineClient, { id, name }: EngineResource): Promise<void> {
  try {
    await engine.mutate('docker.container.kill', `kill ${name}`, { priority: 'teardown' }, (abortSignal) =>
      engine.docker.getContainer(id).kill({ signal: 'SIGKILL', abortSignal }),
    );
  } catch (error) {
    // Gone or ended already; what still runs is seen by the look that follows.
    if (!(error instanceof EngineRefusal)) throw toAppError(error);
  }
}

/** SIGTERM to all at once, then waits until all have ended or the grace is over. */
async function stopGently(engine: EngineClient, running: readonly EngineResource[], graceMs: number): Promise<void> {
  await Promise.all(running.map((container) => terminate(engine, container)));
  await Promise.all(running.map((container) => untilEnded(engine, container, graceMs)));
}

async function terminate(engine: EngineClient, { id, name }: EngineResource): Promise<void> {
  try {
    await engine.mutate('docker.container.stop', `stop ${name}`, { priority: 'teardown' }, (abortSignal) =>
      engine.docker.getContainer(id).kill({ signal: 'SIGTERM', abortSignal }),
    );
  } catch (error) {
    // Gone or ended already; any other refusal will show when it is removed by force.
    if (!(error instanceof EngineRefusal)) throw error;
  }
}

async function untilEnded(engine: EngineClient, { id, name }: EngineResource, limitMs: number): Promise<void> {
  try {
    // Not left to the signal alone: an answer that breaks off after its head settles nothing.
    await withinLimit(`wait for the end of ${name}`, limitMs, (abortSignal) =>
      engine.docker.getContainer(id).wait({ condition: 'not-running', abortSignal }),
    );
  } catch {
    // The grace is over, the container is gone, or the engine is: the removal that follows finds out which.
  }
}

/** @returns what this call removed. Refusals are noted with their words; what is gone already is none. */
async function removeAll(
  engine: EngineClient,
  resources: readonly EngineResource[],
  reasons: Map<string, string>,
): Promise<EngineResource[]> {
  const results = await Promise.allSettled(resources.map((one) => removeOne(engine, one)));
  const removed: EngineResource[] = [];
  results.forEach((result, index) => {
    const one = resources[index] as EngineResource;
    if (result.status === 'fulfilled') removed.push(one);
    else if (result.reason instanceof EngineRefusal) reasons.set(one.id, result.reason.words);
    else if (!isTooSlow(result.reason)) throw result.reason;
    else reasons.set(one.id, (result.reason as Error).message);
  });
  return removed;
}

/** One resource whose removal takes too long does not stop the others; whether the engine answers, the verification shows. */
function isTooSlow(reason: unknown): boolean {
  return reason instanceof AppError && reason.code === 'engine_unreachable';
}

function removeOne(engine: EngineClient, { kind, id, name }: EngineResource): Promise<unknown> {
  const { docker } = engine;
  const what = `remove ${name}`;
  switch (kind) {
    case 'container':
      // `v` takes the anonymous volumes that images ask for; the workspace has a name and stays for its own turn.
      return engine.mutate('docker.container.remove', what, { priority: 'teardown' }, (abortSignal) =>
        docker.getContainer(id).remove({ force: true, v: true, abortSignal }),
      );
    case 'network':
      return engine.mutate('docker.network.remove', what, { priority: 'teardown' }, (abortSignal) =>
        docker.getNetwork(id).remove({ abortSignal }),
      );
    case 'volume':
      return engine.mutate('docker.volume.remove', what, { priority: 'teardown' }, (abortSignal) =>
        docker.getVolume(id).remove({ abortSignal }),
      );
  }
}

/** What the engine still shows. Containers in removal get a moment; they hold networks and volumes, which then follow. */
async function verify(
  engine: EngineClient,
  installationId: string,
  runId: string,
  reasons: ReadonlyMap<string, string>,
): Promise<Leftover[]> {
  let left: EngineResource[] = [];
  for (const waitMs of VERIFY_LOOKS_MS) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    left = await findResources(engine, installationId, runId);
    if (!left.some(({ id }) => isPassing(reasons.get(id)))) break;
  }
  return left.map(({ kind, id, name }) => ({ kind, name, reason: reasons.get(id) ?? appeared(kind) }));
}

function isPassing(reason: string | undefined): boolean {
  return reason !== undefined && /removal of .* is already in progress/i.test(reason);
}

function appeared(kind: ResourceKind): string {
  return `the ${kind} appeared while the others were removed`;
}

export type ResourceKind = 'container' | 'network' | 'volume';

/** A container, network or volume on the engine that bears an installation's label. */
export interface EngineResource {
  readonly kind: ResourceKind;
  /** For calls: a container's or network's id, a volume's name. */
  readonly id: string;
  readonly name: string;
  readonly runId: string;
  readonly isRunning: boolean;
  /** Of the claim that it was made under; 0 where it does not say. */
  readonly epoch: number;
  /** The container of an agent, of a program that is run once, or of neither. */
  readonly does: 'agent' | 'program' | null;
  /** A volume that goes with its container: see `writable-places`. */
  readonly isPart: boolean;
  /** Ms since the epoch; NaN where the engine does not say. */
  readonly createdAtMs: number;
}

/** Everything with the labels, in one picture of the engine, and a run's half-made volumes. Throws AppError. */
export async function findResources(
  engine: EngineClient,
  installationId: string,
  runId?: string,
): Promise<EngineResource[]> {
  const { docker } = engine;
  const filters = { label: labelFilter(installationId, runId) };
  try {
    const [containers, networks, volumes, halfMade] = await Promise.all([
      engine.read('list containers', (abortSignal) => docker.listContainers({ all: true, filters, abortSignal })),
      engine.read('list networks', (abortSignal) => docker.listNetworks({ filters, abortSignal })),
      engine.read('list volumes', (abortSignal) => docker.listVolumes({ filters, abortSignal })),
      runId === undefined ? [] : findHalfMade(engine, runId),
    ]);
    return [
      ...containers.map(({ Id: id, Names: names, Labels: labels, State: state, Created: created }) =>
        resource(
          'container',
          id,
          (names[0] ?? id).replace(/^\//, ''),
          labels,
          created * 1000,
          !['created', 'exited', 'dead'].includes(state),
        ),
      ),
      ...networks.map(({ Id: id, Name: name, Labels: labels, Created: created }) =>
        resource('network', id, name, labels, Date.parse(created)),
      ),
      ...[...(volumes.Volumes ?? []), ...halfMade].map((volume) =>
        resource(
          'volume',
          volume.Name,
          volume.Name,
          volume.Labels,
          Date.parse((volume as { CreatedAt?: string }).CreatedAt ?? ''),
        ),
      ),
    ];
  } catch (error) {
    throw toAppError(error);
  }
}

async function findHalfMade(engine: EngineClient, runId: string): Promise<VolumeInspectInfo[]> {
  const ends = workspaceNameEnds(runId);
  // The engine takes part of a name; what only contains it is left out here.
  const filters = { name: ends };
  const { Volumes: found } = await engine.read('list half-made volumes', (abortSignal) =>
    engine.docker.listVolumes({ filters, abortSignal }),
  );
  return (found ?? []).filter((volume) => isHalfMade(volume) && ends.some((end) => volume.Name.endsWith(end)));
}

function resource(
  kind: ResourceKind,
  id: string,
  name: string,
  labels: Labels | null | undefined,
  createdAtMs: number,
  isRunning = false,
): EngineResource {
  const isPart = kind === 'volume' && labels?.[LABELS.agent] !== undefined;
  const runId = labels?.[LABELS.run] ?? '';
  const epoch = Number(labels?.[LABELS.epoch] ?? 0);
  return { kind, id, name, runId, isRunning, epoch, does: roleOf(labels), isPart, createdAtMs };
}

function roleOf(labels: Labels | null | undefined): EngineResource['does'] {
  if (labels?.[LABELS.program] !== undefined) return 'program';
  return labels?.[LABELS.agent] === undefined ? null : 'agent';
}

/** Of one run. What goes with a container counts where it is all that is left. */
export function countResources(resources: readonly EngineResource[]): ResourceCounts {
  const counts: Partial<Record<ResourceKind, number>> = {};
  const hasContainer = resources.some(({ kind }) => kind === 'container');
  for (const { kind, isPart } of resources) if (!isPart || !hasContainer) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** Resources without a run's label are left out. */
export function groupByRun(resources: readonly EngineResource[], nowMs: number): RunResources[] {
  const runs = new Map<string, EngineResource[]>();
  for (const one of resources) {
    if (one.runId !== '') runs.set(one.runId, [...(runs.get(one.runId) ?? []), one]);
  }
  return [...runs].map(([runId, own]) => ({
    runId,
    resources: countResources(own),
    youngestAgeMs: Math.min(
      ...own.map(({ createdAtMs }) => (Number.isNaN(createdAtMs) ? 0 : Math.max(0, nowMs - createdAtMs))),
    ),
  }));
}
