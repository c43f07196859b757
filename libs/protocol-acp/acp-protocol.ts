import type { AgentProtocol, DialogueOptions, ProtocolSession } from '@crewtab/domain/ports/agent-protocol';
import { WORKSPACE_DIR } from '@crewtab/domain/ports/runtime';
import { AcpSession } from './acp-session';

export interface AcpProtocolOptions {
  /** The agents' working directory as they see it; default WORKSPACE_DIR. Under the process runtime it differs by run. */
  readonly cwd?: string | ((dialogue: DialogueOptions) => string);
  /** Told to agents as the client's version. */
  readonly clientVersion?: string;
}

/**
 * The Agent Client Protocol, version 1: JSON-RPC 2.0, one message a line. Written from its schema and without its SDK,
 * which drops update kinds that it does not know and numbers its requests itself; types are the SDK's.
 */
export class AcpProtocol implements AgentProtocol {
  readonly name = 'acp';
  readonly stdin = 'open';

  constructor(private readonly options: AcpProtocolOptions = {}) {}

  begin(dialogue: DialogueOptions): ProtocolSession {
    const { cwd = WORKSPACE_DIR, clientVersion = '0.1.0' } = this.options;
    return new AcpSession({ dialogue, clientVersion, cwd: typeof cwd === 'string' ? cwd : cwd(dialogue) });
  }
}
