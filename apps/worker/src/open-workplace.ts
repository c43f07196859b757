import { join, resolve } from 'node:path';
import type { WorkerConfig } from '@crewtab/config/worker-config';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { Runtime } from '@crewtab/domain/ports/runtime';
import type { TeamDesk } from '@crewtab/domain/ports/team-desk';
import type { EngineDeps } from '@crewtab/engine/running/engine-options';
import { watched, watchedRuntime } from '@crewtab/failpoints/watched';
import { AcpProtocol } from '@crewtab/protocol-acp/acp-protocol';
import { CommandProtocol } from '@crewtab/protocol-command/command-protocol';
import { DockerRuntime } from '@crewtab/runtime-docker/docker-runtime';
import { ProcessRuntime } from '@crewtab/runtime-process/process-runtime';
import { readBridgeProgram } from '@crewtab/team-desk/bridge-program';
import { UnixTeamDesk, type UnixTeamDeskOptions } from '@crewtab/team-desk/unix-team-desk';

/** Where teams run, and what depends on it: how agents see their folder, and where their tools' socket is. */
export interface Workplace {
  readonly runtime: Runtime;
  readonly protocols: EngineDeps['protocols'];
  readonly desk: TeamDesk;
}

export async function openWorkplace(config: WorkerConfig, logger: Logger): Promise<Workplace> {
  const dataDir = resolve(config.runtime.dataDir);
  const desk = { rootDir: join(dataDir, 'team'), bridgeSource: await readBridgeProgram(), logger };
  const workplace =
    config.runtime.kind === 'process' ? processWorkplace(config, dataDir, desk) : dockerWorkplace(config, desk, logger);
  return {
    ...workplace,
    runtime: watchedRuntime(workplace.runtime),
    desk: watched('team-desk', workplace.desk),
  };
}

function dockerWorkplace(
  { hostName, runtime, agents }: WorkerConfig,
  desk: UnixTeamDeskOptions,
  logger: Logger,
): Workplace {
  const limits = { writeMs: agents.inputTimeoutMs };
  return {
    runtime: new DockerRuntime({ dockerHost: runtime.dockerHost, limits, logger, ...(hostName ? { hostName } : {}) }),
    protocols: { acp: new AcpProtocol(), command: new CommandProtocol() },
    desk: new UnixTeamDesk(desk),
  };
}

function processWorkplace(
  { hostName, searchPath, agents }: WorkerConfig,
  dataDir: string,
  desk: UnixTeamDeskOptions,
): Workplace {
  const rootDir = join(dataDir, 'processes');
  const inputTimeoutMs = agents.inputTimeoutMs;
  const runtime = new ProcessRuntime({ rootDir, searchPath, inputTimeoutMs, ...(hostName ? { hostName } : {}) });
  return {
    runtime,
    protocols: {
      acp: new AcpProtocol({ cwd: ({ runId }) => runtime.workspaceOf(runId) }),
      command: new CommandProtocol(),
    },
    desk: new UnixTeamDesk({ ...desk, seenAt: (socketDir) => socketDir }),
  };
}
