import { randomBytes } from 'node:crypto';
import { AppError } from '@crewtab/domain/errors';
import type { DeploymentSpec, ProgramResult, ProgramSpec } from '@crewtab/domain/ports/runtime';
import { followProgram } from '@crewtab/program-output/follow-program';
import type Docker from 'dockerode';
import { putInto, inspectProcess, requestLog, type TarEntry } from './containers';
import { PlainOutput } from '../output/plain-output';
import { containerFiles, containerSpec, imagesOf, type GuardPrograms, type ImageFacts } from './container-spec';
import type { DockerSettings } from '../docker-options';
import { createContainer } from '../engine/create-container';
import { type EngineClient, EngineRefusal, isRefusal, toAppError } from '../engine/engine-client';
import type { ImageFactsBook } from '../images/images';
import { LABELS, runLabels } from '../resources/run-resources';
import type { Networks } from '../resources/networks';
import type { Workspaces } from '../resources/workspace';
import { workspaceEntries } from '../resources/workspace-files';

/** A program that no worker ends any more is ended by its image's `timeout`, so long after its limit; ms. */
const ORPHAN_GRACE_MS = 30_000;

interface ProgramDeps {
  readonly engine: EngineClient;
  readonly factsBook: ImageFactsBook;
  readonly guards: GuardPrograms;
  readonly networks: Networks;
  readonly workspaces: Pick<Workspaces, 'assertKept'>;
  readonly settings: DockerSettings;
}

/** See `Runtime.runProgram`. */
export async function runProgram(
  deps: ProgramDeps,
  team: DeploymentSpec,
  program: ProgramSpec,
  signal: AbortSignal,
): Promise<ProgramResult> {
  const deployment = { ...team, network: program.network };
  await deps.workspaces.assertKept(deployment);
  await deps.networks.ensure(deployment, signal);
  const container = await create(deps, deployment, program, signal);
  let result: ProgramResult;
  try {
    await start(deps.engine, container, signal);
    result = await follow(deps.engine, container, program, signal);
  } catch (error) {
    // What resists bears the run's label, and falls to the run's teardown.
    await remove(deps.engine, container).catch(() => undefined);
    throw toAppError(error);
  }
  // Only its removal ends a program that went beyond a limit: without it nothing may be said of its end.
  await remove(deps.engine, container);
  return result;
}

async function create(
  { engine, factsBook, guards, settings }: ProgramDeps,
  deployment: DeploymentSpec,
  program: ProgramSpec,
  signal: AbortSignal,
): Promise<Docker.Container> {
  const { name, image, command, env, resources, timeLimitMs } = program;
  if (image === null) throw new AppError('image_not_found', `program "${name}" has no image`);
  await factsBook.prepare(image, deployment, { signal, onProgress: () => undefined });
  const facts = await factsFor(factsBook, deployment, program, image, signal);
  const programs = {
    guard: null,
    confine: await guards.confine(),
    forwarder: await guards.forwarderFor(deployment.network),
  };
  const unique = `${name}-${randomBytes(4).toString('hex')}`;
  const agent = { name: unique, image, command, env, resources, stdin: 'once', tools: null } as const;
  const endsAfterSeconds = Math.ceil((timeLimitMs + ORPHAN_GRACE_MS) / 1_000);
  const launch = { kind: 'limited', endsAfterSeconds, under: programs.confine && 'confine' } as const;
  const spec = {
    // It writes to the root of its image as it likes: it stands for one command, within the run's limit of the disk.
    ...containerSpec(deployment, agent, facts, { ...settings, isRootWritable: true }, launch),
    Labels: { ...runLabels(deployment), [LABELS.program]: name },
    OpenStdin: false,
    StdinOnce: false,
    AttachStdin: false,
  };
  try {
    const container = await engine.mutate(
      'docker.program.create',
      `create ${spec.name}`,
      { priority: 'deploy', signal },
      (abortSignal) => createContainer(engine.docker, spec, abortSignal),
    );
    const files = [
      ...workspaceEntries(deployment, facts),
      ...containerFiles(agent, facts, programs),
      ...ownFiles(program, facts),
    ];
    if (files.length > 0) await putInto(engine, container, files, signal);
    return container;
  } catch (error) {
    throw error instanceof EngineRefusal ? new AppError('create_failed', error.words, { cause: error }) : error;
  }
}

/** Of the program's image; where it is to own the workspace, as the user of the team's first image, whose uid it may not know. */
async function factsFor(
  factsBook: ImageFactsBook,
  deployment: DeploymentSpec,
  { ownsWorkspace = false }: ProgramSpec,
  image: string,
  signal: AbortSignal,
): Promise<ImageFacts> {
  const facts = await factsBook.of(image, deployment, signal);
  const [first] = imagesOf(deployment);
  if (!ownsWorkspace || first === undefined) return facts;
  const { uid, gid } = (await factsBook.of(first, deployment, signal)).user;
  const user = { runAs: `${uid}:${gid}`, uid, gid, madeHome: null, home: '' };
  return { ...facts, user, hasWorkspace: false };
}

function ownFiles({ files = [] }: ProgramSpec, { user: { uid, gid } }: ImageFacts): TarEntry[] {
  return files.map(({ path, content }) => ({ path, mode: content === null ? 0o700 : 0o400, uid, gid, content }));
}

async function start(engine: EngineClient, container: Docker.Container, signal: AbortSignal): Promise<void> {
  try {
    await engine.mutate('docker.program.start', 'start a program', { priority: 'deploy', signal }, (abortSignal) =>
      container.start({ abortSignal }),
    );
  } catch (error) {
    throw error instanceof EngineRefusal ? new AppError('start_failed', error.words, { cause: error }) : error;
  }
}

async function follow(
  engine: EngineClient,
  { id }: Docker.Container,
  limits: ProgramSpec,
  signal: AbortSignal,
): Promise<ProgramResult> {
  const log = await requestLog(engine, id);
  if (!log) throw new AppError('engine_error', 'the container of the program was removed before it was read');
  const output = new PlainOutput(engine, id, log);
  const program = {
    output: output.lines(),
    close: () => output.close(),
    inspect: () => inspectProcess(engine, id),
  };
  return followProgram(program, limits, signal);
}

async function remove(engine: EngineClient, container: Docker.Container): Promise<void> {
  try {
    await engine.mutate('docker.program.remove', 'remove a program', { priority: 'deploy' }, (abortSignal) =>
      container.remove({ force: true, v: true, abortSignal }),
    );
  } catch (error) {
    if (!isRefusal(error, 404, 409)) throw toAppError(error);
  }
}
