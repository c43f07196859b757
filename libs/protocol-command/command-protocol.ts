import type { AgentProtocol, DialogueOptions, ProtocolSession } from '@crewtab/domain/ports/agent-protocol';
import { CommandSession } from './command-session';

/** A plain program: the prompt on its stdin, the answer on its stdout, exit code 0 for success. */
export class CommandProtocol implements AgentProtocol {
  readonly name = 'command';
  readonly stdin = 'once';

  begin(dialogue: DialogueOptions): ProtocolSession {
    return new CommandSession(dialogue.agent);
  }
}
