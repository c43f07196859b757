import { HOLDER_PROGRAM, GUARD_FOLDER } from '@crewtab/agent-guard/guard-records';
import { AppError } from '@crewtab/domain/errors';
import type { DeployOptions, DeploymentSpec } from '@crewtab/domain/ports/runtime';
import { parseMemorySize } from '@crewtab/domain/teams/team';
import type { ContainerCreateOptions, VolumeInspectInfo } from 'dockerode';
import {
  deadlineSeconds,
  imagesOf,
  machineNow,
  workspaceMount,
  workspaceName,
  type GuardPrograms,
} from '../agents/container-spec';
import { inspectContainer, putInto } from '../agents/containers';
import type { DockerSettings } from '../docker-options';
import { createContainer } from '../engine/create-container';
import { EngineRefusal, isRefusal, toAppError, type EngineClient, type MutationOptions } from '../engine/engine-client';
import type { ImageFactsBook } from '../images/images';
import { isKept, keptLabels } from './kept-volumes';
import { belongsToRun, isHalfMade, runLabels } from './run-resources';

/** Of an agent's memory, in which what it writes to a tmpfs lies: whoever fills it is told so before the engine ends the agent. */
const MEMORY_SHARE = 0.5;
/** Each file takes some of the kernel's memory, however little is in it. */
const BYTES_PER_FILE = 8 * 1024;
const HOLDER_BYTES = 16 * 1024 * 1024;
/** After the run's deadline there is still something to be read, ms. */
const HOLDER_GRACE_MS = 300_000;
const UNPRIVILEGED = '65534:65534';

interface WorkspaceDeps {
  readonly engine: EngineClient;
  readonly factsBook: ImageFactsBook;
  readonly guards: GuardPrograms;
  readonly settings: Pick<DockerSettings, 'workspaceBytes' | 'defaultResources'>;
}

/**
 * The volume that the agents of a run share. On the engine's disk, or, by the operator's setting, in memory: a tmpfs, which the engine
 * mounts for the first container that has the volume and unmounts, with all that is in it, after the last. So such a
 * volume has a holder: a container that does nothing, from before the first file until the run is removed.
 *
 * Which of them a run has is decided where its volume is made. Another worker, whose setting may be another one, asks the engine.
 */
export class Workspaces {
  constructor(private readonly deps: WorkspaceDeps) {}

  /** Get-or-create. @returns whether it is in memory, and needs `keep` */
  async ensure(deployment: DeploymentSpec, signal: AbortSignal): Promise<boolean> {
    const { engine } = this.deps;
    const name = workspaceName(deployment);
    const options = { priority: 'deploy', signal } as const;
    try {
      let found = await this.getOrCreate(deployment, options);
      if (isHalfMade(found)) {
        await engine.mutate('docker.volume.remove', `remove the half-made volume ${name}`, options, (abortSignal) =>
          engine.docker.getVolume(name).remove({ abortSignal }),
        );
        found = await this.getOrCreate(deployment, options);
      }
      if (isOwn(found, deployment)) return isInMemory(found);
    } catch (error) {
      throw error instanceof EngineRefusal ? new AppError('create_failed', error.words, { cause: error }) : error;
    }
    throw new AppError('name_conflict', `a volume named ${name} exists that does not belong to this run`);
  }

  /**
   * Get-or-create of the holder of a workspace in memory, after the team's images are there. What a crash leaves of it on its way is
   * gone on with.
   */
  async keep(deployment: DeploymentSpec, { signal, now = machineNow }: DeployOptions): Promise<void> {
    const { engine, guards } = this.deps;
    const name = holderName(deployment);
    const options = { priority: 'deploy', signal } as const;
    const program = await guards.holder();
    try {
      const endsAfterSeconds = deadlineSeconds(deployment.deadlineAt, now(), HOLDER_GRACE_MS);
      await this.createHolder(deployment, endsAfterSeconds, options);
      const found = await inspectContainer(engine, name);
      if (!found || !belongsToRun(found.Config.Labels, deployment.installationId, deployment.runId))
        throw new AppError('name_conflict', `a container named ${name} exists that does not belong to this run`);
      if (found.State.Running) return;
      const holder = engine.docker.getContainer(found.Id);
      const own = { uid: 0, gid: 0 };
      const entries = [
        { path: GUARD_FOLDER, mode: 0o755, ...own, content: null },
        { path: HOLDER_PROGRAM, mode: 0o755, ...own, content: program },
      ];
      await putInto(engine, holder, entries, signal);
      await engine
        .mutate('docker.holder.start', `start ${name}`, options, (abortSignal) => holder.start({ abortSignal }))
        .catch((error: unknown) => {
          // Another worker has started it.
          if (!isRefusal(error, 304)) throw error;
        });
    } catch (error) {
      throw error instanceof EngineRefusal ? new AppError('create_failed', error.words, { cause: error }) : error;
    }
  }

  /** @throws where the workspace was in memory, and has lost its holder and with it what was in it */
  async assertKept(deployment: DeploymentSpec): Promise<void> {
    const { engine } = this.deps;
    const name = workspaceName(deployment);
    try {
      const volume = await engine.read(`inspect volume ${name}`, (abortSignal) =>
        engine.docker.getVolume(name).inspect({ abortSignal }),
      );
      if (!isInMemory(volume)) return;
    } catch (error) {
      throw toAppError(error);
    }
    const holder = await inspectContainer(engine, holderName(deployment));
    if (!holder?.State.Running)
      throw new AppError('engine_error', 'the workspace was in memory, and is lost: its container has ended');
  }

  private async createHolder(
    deployment: DeploymentSpec,
    endsAfterSeconds: number,
    options: MutationOptions & { readonly signal: AbortSignal },
  ): Promise<void> {
    const { engine, factsBook } = this.deps;
    const [image] = imagesOf(deployment);
    if (image === undefined) throw new AppError('image_not_found', 'no agent of the team has an image');
    const { imageId } = await factsBook.of(image, deployment, options.signal);
    const spec = holderSpec(deployment, imageId, endsAfterSeconds);
    await engine
      .mutate('docker.holder.create', `create ${spec.name}`, options, (abortSignal) =>
        createContainer(engine.docker, spec, abortSignal),
      )
      .catch((error: unknown) => {
        if (!isRefusal(error, 409)) throw error;
      });
  }

  /** The engine answers with what has the name, and never says whether it made it. */
  private async getOrCreate(deployment: DeploymentSpec, options: MutationOptions): Promise<VolumeInspectInfo> {
    const { engine } = this.deps;
    const name = workspaceName(deployment);
    const bytes = this.bytesInMemory(deployment);
    const labels = deployment.keptWorkspace ? keptLabels(deployment, deployment.keptWorkspace) : runLabels(deployment);
    const spec = { Name: name, Labels: labels, ...(bytes === null ? {} : tmpfsOptions(bytes)) };
    const volume = await engine.mutate('docker.volume.create', `create volume ${name}`, options, (abortSignal) =>
      engine.docker.createVolume({ ...spec, abortSignal }),
    );
    return engine.read(`inspect volume ${name}`, (abortSignal) => volume.inspect({ abortSignal }));
  }

  /** Null: it is to be on the disk. */
  private bytesInMemory({ agents, keptWorkspace }: DeploymentSpec): number | null {
    const { workspaceBytes, defaultResources } = this.deps.settings;
    if (workspaceBytes === null || keptWorkspace) return null;
    const shares = agents.map(({ name, resources }) => {
      const memory = parseMemorySize(resources.memory ?? defaultResources.memory);
      if (!memory.ok) throw new AppError('create_failed', `memory of agent "${name}": ${memory.message}`);
      return Math.floor(memory.bytes * MEMORY_SHARE);
    });
    return Math.min(workspaceBytes, ...shares);
  }
}

function isOwn({ Labels: labels }: VolumeInspectInfo, deployment: DeploymentSpec): boolean {
  const { installationId, runId, keptWorkspace } = deployment;
  return keptWorkspace ? isKept(labels, installationId, keptWorkspace) : belongsToRun(labels, installationId, runId);
}

/** With a sign that no agent's name has. */
function holderName(deployment: DeploymentSpec): string {
  return `${deployment.name}_holder`;
}

/** Any user may write to it, as to one on the disk: see `workspaceEntry`. */
function tmpfsOptions(bytes: number): { Driver: string; DriverOpts: Record<string, string> } {
  const o = `size=${bytes},nr_inodes=${Math.max(1_024, Math.floor(bytes / BYTES_PER_FILE))},mode=0777,nosuid,nodev`;
  return { Driver: 'local', DriverOpts: { type: 'tmpfs', device: 'tmpfs', o } };
}

function isInMemory({ Options: options }: VolumeInspectInfo): boolean {
  return options?.['type'] === 'tmpfs';
}

function holderSpec(deployment: DeploymentSpec, imageId: string, endsAfterSeconds: number): ContainerCreateOptions {
  return {
    name: holderName(deployment),
    Image: imageId,
    Entrypoint: [HOLDER_PROGRAM],
    Cmd: [String(endsAfterSeconds)],
    User: UNPRIVILEGED,
    WorkingDir: '/',
    Labels: runLabels(deployment),
    Healthcheck: { Test: ['NONE'] },
    StopSignal: 'SIGTERM',
    HostConfig: {
      LogConfig: { Type: 'none', Config: {} },
      NetworkMode: 'none',
      Mounts: [workspaceMount(deployment)],
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Memory: HOLDER_BYTES,
      MemorySwap: HOLDER_BYTES,
      PidsLimit: 8,
      RestartPolicy: { Name: 'no' },
    },
  };
}
