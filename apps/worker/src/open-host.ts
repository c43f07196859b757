import { join, resolve } from 'node:path';
import type { WorkerConfig } from '@crewtab/config/worker-config';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { Runtime } from '@crewtab/domain/ports/runtime';
import type { ToolServer } from '@crewtab/domain/ports/tool-server';
import type { OrchestratorDeps } from '@crewtab/orchestrator/running/orchestrator-deps';
import { withPoints, withRuntimePoints } from '@crewtab/failpoints/with-points';
import { AcpProtocol } from '@crewtab/protocol-acp/acp-protocol';
import { CommandProtocol } from '@crewtab/protocol-command/command-protocol';
import { DockerRuntime } from '@crewtab/runtime-docker/docker-runtime';
import { ProcessRuntime } from '@crewtab/runtime-process/process-runtime';
import { readBridgeProgram } from '@crewtab/tool-server/bridge-program';
import { UnixToolServer, type UnixToolServerOptions } from '@crewtab/tool-server/unix-tool-server';

/** Where teams run, and what depends on it: how agents see their folder, and where their tools' socket is. */
export interface Host {
  readonly runtime: Runtime;
  readonly protocols: OrchestratorDeps['protocols'];
  readonly toolServer: ToolServer;
}

export async function openHost(config: WorkerConfig, logger: Logger): Promise<Host> {
  const dataDir = resolve(config.runtime.dataDir);
  const toolServer = { rootDir: join(dataDir, 'team'), bridgeSource: await readBridgeProgram(), logger };
  const host =
    config.runtime.kind === 'process'
      ? processHost(config, dataDir, toolServer)
      : dockerHost(config, toolServer, logger);
  return {
    ...host,
    runtime: withRuntimePoints(host.runtime),
    toolServer: withPoints('tool-server', host.toolServer),
  };
}

function dockerHost(
  { hostName, runtime, agents }: WorkerConfig,
  toolServer: UnixToolServerOptions,
  logger: Logger,
): Host {
  const limits = { writeMs: agents.inputTimeoutMs };
  return {
    runtime: new DockerRuntime({ dockerHost: runtime.dockerHost, limits, logger, ...(hostName ? { hostName } : {}) }),
    protocols: { acp: new AcpProtocol(), command: new CommandProtocol() },
    toolServer: new UnixToolServer(toolServer),
  };
}

function processHost(
  { hostName, searchPath, agents }: WorkerConfig,
  dataDir: string,
  toolServer: UnixToolServerOptions,
): Host {
  const rootDir = join(dataDir, 'processes');
  const inputTimeoutMs = agents.inputTimeoutMs;
  const runtime = new ProcessRuntime({ rootDir, searchPath, inputTimeoutMs, ...(hostName ? { hostName } : {}) });
  return {
    runtime,
    protocols: {
      acp: new AcpProtocol({ cwd: ({ runId }) => runtime.workspaceOf(runId) }),
      command: new CommandProtocol(),
    },
    toolServer: new UnixToolServer({ ...toolServer, seenAt: (socketDir) => socketDir }),
  };
}
