import type { AgentProtocol, DialogueOptions, ProtocolSession } from '@crewtab/domain/ports/agent-protocol';
import { AcpSession } from './acp-session';

export interface AcpProtocolOptions {
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
    return new AcpSession({ dialogue, clientVersion: this.options.clientVersion ?? '0.1.0' });
  }
}
