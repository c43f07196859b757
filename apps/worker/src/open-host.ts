import { join, resolve } from 'node:path';
import type { WorkerConfig } from '@crewtab/config/worker-config';
import type { WorkspaceKeeper } from '@crewtab/domain/ports/kept-workspaces';
import type { ImageEngine } from '@crewtab/domain/ports/host-images';
import type { EgressProxy } from '@crewtab/domain/ports/egress-proxy';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { Runtime } from '@crewtab/domain/ports/runtime';
import type { ToolServer } from '@crewtab/domain/ports/tool-server';
import type { RuntimeKind } from '@crewtab/domain/runtimes';
import type { OrchestratorDeps } from '@crewtab/orchestrator/running/orchestrator-deps';
import { withPoints, withRuntimePoints } from '@crewtab/failpoints/with-points';
import { UnixEgressProxy } from '@crewtab/egress-proxy/unix-egress-proxy';
import { readGitImage, readPresets } from '@crewtab/presets/read-presets';
import { AcpProtocol } from '@crewtab/protocol-acp/acp-session';
import { CommandProtocol } from '@crewtab/protocol-command/command-session';
import { DockerRuntime } from '@crewtab/runtime-docker/docker-runtime';
import { ProcessRuntime } from '@crewtab/runtime-process/process-runtime';
import { readBridgeProgram } from '@crewtab/tool-server/bridge-program';
import { PresetImages } from './preset-images';
import { UnixToolServer } from '@crewtab/tool-server/unix-tool-server';

/** Where teams run, and how their agents are spoken to. */
export interface Host {
  readonly runtime: Runtime;
  readonly protocols: OrchestratorDeps['protocols'];
  readonly presets: OrchestratorDeps['presets'];
  /** Null where no image is ever built. */
  readonly images: PresetImages | null;
  /** Null where there are none. */
  readonly imageEngine: ImageEngine | null;
  /** Null where no workspace is kept between runs. */
  readonly workspaceKeeper: WorkspaceKeeper | null;
  readonly toolServer: ToolServer;
  readonly egressProxy: EgressProxy;
  /** Of the helper that fetches repositories. */
  readonly gitImage: string;
}

type HostRuntime = Runtime & { readonly imageEngine?: ImageEngine; readonly workspaceKeeper?: WorkspaceKeeper };

/** The code of each runtime of the registry: libs/domain/runtimes.ts. */
const FACTORIES: Readonly<
  Record<
    RuntimeKind,
    (config: WorkerConfig, logger: Logger, images: PresetImages) => HostRuntime | Promise<HostRuntime>
  >
> = {
  docker: ({ hostName, runtime: { dockerHost }, agents, agentPolicy }, logger, imageSources) =>
    new DockerRuntime({
      dockerHost,
      limits: { writeMs: agents.inputTimeoutMs },
      outputLimitBytes: agents.outputLimitBytes,
      isRootWritable: agents.isRootWritable,
      tmpBytes: agents.tmpBytes,
      workspaceBytes: agents.workspaceBytes,
      ceilings: agentPolicy,
      imageSources,
      logger,
      ...(hostName ? { hostName } : {}),
    }),
  // A worker whose teams run elsewhere loads nothing of it.
  kubernetes: async ({ hostName, runtime: { kubernetes }, agents, agentPolicy, diskLimitBytes }, logger) => {
    const { KubernetesRuntime } = await import('@crewtab/runtime-kubernetes/kubernetes-runtime');
    return new KubernetesRuntime({
      ...kubernetes,
      limits: { writeMs: agents.inputTimeoutMs },
      outputLimitBytes: agents.outputLimitBytes,
      isRootWritable: agents.isRootWritable,
      tmpBytes: agents.tmpBytes,
      diskBytes: diskLimitBytes,
      ceilings: agentPolicy,
      logger,
      ...(hostName ? { hostName } : {}),
    });
  },
  process: ({ hostName, runtime: { dataDir, onlyCommand }, searchPath, agents: { inputTimeoutMs } }) =>
    new ProcessRuntime({
      rootDir: join(resolve(dataDir), 'processes'),
      searchPath,
      inputTimeoutMs,
      onlyCommand,
      ...(hostName ? { hostName } : {}),
    }),
};

export async function openHost(config: WorkerConfig, logger: Logger): Promise<Host> {
  const { kind, dataDir } = config.runtime;
  const { byName: presets, builds } = await readPresets(config.presets);
  const git = await readGitImage(config.gitImage, config.presets.buildArgs);
  const withGit = git.build ? new Map([...builds, [git.image, git.build]]) : builds;
  const images = new PresetImages(withGit, config.images);
  const bridgeSource = await readBridgeProgram();
  const runtime = await FACTORIES[kind](config, logger, images);
  const toolServer = new UnixToolServer({ rootDir: join(resolve(dataDir), 'team'), bridgeSource, logger });
  const egressProxy = new UnixEgressProxy({ rootDir: join(resolve(dataDir), 'net'), ...config.network, logger });
  return {
    runtime: withRuntimePoints(runtime),
    images,
    imageEngine: runtime.imageEngine ?? null,
    workspaceKeeper: runtime.workspaceKeeper ? withPoints('workspace-keeper', runtime.workspaceKeeper) : null,
    protocols: { acp: new AcpProtocol({ limits: config.agents.jsonLimits }), command: new CommandProtocol() },
    presets,
    gitImage: git.image,
    toolServer: withPoints('tool-server', toolServer),
    egressProxy: withPoints('egress-proxy', egressProxy),
  };
}
