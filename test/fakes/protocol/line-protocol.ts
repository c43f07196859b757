import type {
  AgentProtocol,
  DialogueOptions,
  DialogueState,
  LastSeen,
  Outgoing,
  ProtocolSession,
  Reaction,
  TurnState,
} from '@crewtab/domain/ports/agent-protocol';
import type { OutputLine } from '@crewtab/domain/ports/runtime';
import type { DraftMessage } from '@crewtab/domain/runs/message';
import type { ReportedUsage } from '@crewtab/domain/runs/usage';
import { type Warning, WarningLog } from '@crewtab/domain/runs/warning';

/**
 * The smallest protocol that keeps the port's contract, for tests of the engine. The agent says `ready`, `say TEXT`,
 * `note ID` (which joins no other message), `used TOKENS` (in all, with the turns that have ended), `warn WORDS` (of an unknown update), `ask ID` (answered with `answer ID`), `done ID TEXT`, `fail ID TEXT`; it is told
 * `hello`, `turn ID TEXT` and `cancel`.
 */
export class LineProtocol implements AgentProtocol {
  readonly name = 'acp';
  readonly stdin = 'open';

  constructor(readonly grace?: NonNullable<AgentProtocol['grace']>) {}

  begin(dialogue: DialogueOptions): ProtocolSession {
    return new LineSession(dialogue.agent.name);
  }
}

class LineSession implements ProtocolSession {
  private handshake: DialogueState['handshake'] = { status: 'pending' };
  private readonly turns = new Map<string, TurnState>();
  private hasSeenWork = false;
  usage: ReportedUsage | null = null;
  private readonly asked: string[] = [];
  private readonly warningLog: WarningLog;

  constructor(private readonly agent: string) {
    this.warningLog = new WarningLog(agent);
  }

  get warnings(): Warning[] {
    return this.warningLog.list();
  }

  get lastSeen(): LastSeen {
    const isAtWork = [...this.turns.values()].some(({ status }) => status === 'open');
    return { doing: isAtWork ? 'was at work' : null, stderr: '' };
  }

  get state(): DialogueState {
    return { handshake: this.handshake, turns: this.turns, hasSeenWork: this.hasSeenWork };
  }

  open(): Outgoing[] {
    return [{ data: 'hello\n' }];
  }

  receive(line: OutputLine, at: Date): Reaction {
    if (line.stream === 'stderr') return { messages: [this.message('stderr', line.text, at)], outgoing: [] };
    const [verb = '', id = '', ...rest] = line.text.split(' ');
    if (verb === 'ready') this.handshake = { status: 'ready' };
    if (verb === 'refuse')
      this.handshake = { status: 'failed', failure: { code: 'handshake_failed', message: line.text } };
    if (verb === 'say') return this.work([this.message('agent_message', line.text.slice('say '.length), at)]);
    if (verb === 'ask') {
      this.asked.push(id);
      return this.work([{ agent: this.agent, kind: 'permission', content: { id }, at }], [{ data: `answer ${id}\n` }]);
    }
    if (verb === 'note') return this.work([{ agent: this.agent, kind: 'other', content: { id }, at }]);
    if (verb === 'used') this.usage = this.reported(Number(id));
    if (verb === 'warn') this.warningLog.note('unknown_update', [id, ...rest].join(' '));
    if (verb === 'done') this.turns.set(id, { status: 'done', text: rest.join(' ') });
    if (verb === 'fail')
      this.turns.set(id, { status: 'failed', failure: { code: 'agent_error', message: rest.join(' ') } });
    if (verb === 'done' || verb === 'fail') this.hasSeenWork = true;
    return { messages: [], outgoing: [] };
  }

  resume(): Outgoing[] {
    const handshake = this.handshake.status === 'pending' ? [{ data: 'hello\n' }] : [];
    return [{ data: '\n' }, ...handshake, ...this.asked.map((id) => ({ data: `answer ${id}\n` }))];
  }

  startTurn(turn: { readonly id: string; readonly text: string }): Outgoing[] {
    this.expectTurn(turn.id);
    return [{ data: `turn ${turn.id} ${turn.text}\n` }];
  }

  expectTurn(id: string): void {
    if (!this.turns.has(id)) this.turns.set(id, { status: 'open' });
  }

  cancelTurn(): Outgoing[] {
    const isOpen = [...this.turns.values()].some(({ status }) => status === 'open');
    return isOpen ? [{ data: 'cancel\n' }] : [];
  }

  exited(exit: { readonly exitCode: number }): Reaction {
    for (const [id, turn] of this.turns) {
      if (turn.status !== 'open') continue;
      this.turns.set(id, {
        status: 'failed',
        failure: { code: 'agent_exited', message: `ended with exit code ${exit.exitCode} in the middle of a turn` },
      });
    }
    return { messages: [], outgoing: [] };
  }

  private reported(inputTokens: number): ReportedUsage {
    const turns = [...this.turns.values()].filter(({ status }) => status !== 'open').length;
    return { inputTokens, outputTokens: 0, cost: null, turns, countedTurns: turns };
  }

  private work(messages: DraftMessage[], outgoing: Outgoing[] = []): Reaction {
    this.hasSeenWork = true;
    return { messages, outgoing };
  }

  private message(kind: 'agent_message' | 'stderr', text: string, at: Date): DraftMessage {
    return { agent: this.agent, kind, content: { text }, at };
  }
}
