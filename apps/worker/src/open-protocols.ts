import type { Runtime } from '@crewtab/domain/ports/runtime';
import type { EngineDeps } from '@crewtab/engine/running/engine-options';
import { AcpProtocol } from '@crewtab/protocol-acp/acp-protocol';
import { CommandProtocol } from '@crewtab/protocol-command/command-protocol';

/** Every protocol that an agent may speak. */
export function openProtocols(_runtime: Runtime): EngineDeps['protocols'] {
  return { acp: new AcpProtocol(), command: new CommandProtocol() };
}
