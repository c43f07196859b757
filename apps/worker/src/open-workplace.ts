import { resolve } from 'node:path';
import type { WorkerConfig } from '@crewtab/config/worker-config';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { Runtime } from '@crewtab/domain/ports/runtime';
import type { TeamDesk } from '@crewtab/domain/ports/team-desk';
import type { EngineDeps } from '@crewtab/engine/running/engine-options';
import { AcpProtocol } from '@crewtab/protocol-acp/acp-protocol';
import { CommandProtocol } from '@crewtab/protocol-command/command-protocol';
import { DockerRuntime } from '@crewtab/runtime-docker/docker-runtime';
import { readBridgeProgram } from '@crewtab/team-desk/bridge-program';
import { UnixTeamDesk } from '@crewtab/team-desk/unix-team-desk';

/** Where teams run, and what depends on it: how agents see their folder, and where their tools' socket is. */
export interface Workplace {
  readonly runtime: Runtime;
  readonly protocols: EngineDeps['protocols'];
  readonly desk: TeamDesk;
}

export async function openWorkplace(config: WorkerConfig, logger: Logger): Promise<Workplace> {
  const rootDir = resolve(config.runtime.dataDir, 'team');
  const bridgeSource = await readBridgeProgram();
  const dockerHost = config.runtime.dockerHost;
  return {
    runtime: new DockerRuntime({ dockerHost, ...(config.hostName ? { hostName: config.hostName } : {}) }),
    protocols: { acp: new AcpProtocol(), command: new CommandProtocol() },
    desk: new UnixTeamDesk({ rootDir, bridgeSource, logger }),
  };
}
