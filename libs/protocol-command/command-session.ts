import { AppError } from '@crewtab/domain/errors';
import type {
  DialogueState,
  LastSeen,
  Outgoing,
  ProtocolSession,
  Reaction,
  TurnState,
  AgentProtocol,
  DialogueOptions,
} from '@crewtab/domain/ports/agent-protocol';
import type { AgentExit, OutputLine } from '@crewtab/domain/ports/runtime';
import { describeAgentEnd, quote, QUOTE_FROM_CHARS, ResultText, StderrTail } from '@crewtab/domain/runs/agent-output';
import { plainText } from '@crewtab/domain/runs/plain-text';
import { type Warning, WarningLog } from '@crewtab/domain/runs/warning';
import type { Agent } from '@crewtab/domain/teams/team';

/** Of its last line, in the words of a timeout. */
const SHOWN_CHARS = 200;

const NOTHING: Reaction = { messages: [], outgoing: [] };

/**
 * One life of a plain program. There is no handshake: it is ready from the start, takes one turn, and its end is the
 * turn's end. One that ends with 0 before it was given its prompt needed none, as `date` does: its turn is done when it begins.
 *
 * `hasSeenWork` is true once it wrote to stdout: a program that prints before it has read its prompt looks as if it
 * had received it.
 */
export class CommandSession implements ProtocolSession {
  private handshake: DialogueState['handshake'] = { status: 'ready' };
  private readonly turns = new Map<string, TurnState>();
  private hasSeenWork = false;
  /** Without having been given anything: `date` reads no input. */
  private hasEndedWell = false;
  private readonly output = new ResultText();
  private readonly stderrTail = new StderrTail();
  /** A program reports none. */
  readonly usage = null;
  private lastLine = '';
  /** The end of its output: `output` keeps the beginning. One character more tells that there was more. */
  private lastText = '';
  private readonly warningLog: WarningLog;

  constructor(private readonly agent: Agent) {
    this.warningLog = new WarningLog(agent.name);
  }

  get warnings(): Warning[] {
    return this.warningLog.list();
  }

  get state(): DialogueState {
    const { handshake, turns, hasSeenWork, hasEndedWell } = this;
    return { handshake, turns, hasSeenWork, ...(hasEndedWell && { hasEndedWell }) };
  }

  get lastSeen(): LastSeen {
    const isAtWork = [...this.turns.values()].some(({ status }) => status === 'open');
    const doing = this.lastLine === '' ? 'has printed nothing' : `last printed "${this.lastLine}"`;
    return { doing: isAtWork ? doing : null, stderr: this.stderrTail.words };
  }

  open(): Outgoing[] {
    return [];
  }

  /** Nothing: whatever is written to stdin belongs to the prompt. */
  resume(): Outgoing[] {
    return [];
  }

  receive(line: OutputLine, at: Date): Reaction {
    const text = `${line.text}\n`;
    const isAnswer = line.stream === 'stdout';
    if (isAnswer) {
      this.hasSeenWork = true;
      this.output.add(text);
      this.lastText = `${this.lastText}${text}`.slice(-QUOTE_FROM_CHARS - 1);
      if (line.text.trim() !== '') this.lastLine = plainText(line.text.slice(0, SHOWN_CHARS));
    } else {
      this.stderrTail.add(line.text);
    }
    const message = { agent: this.agent.name, content: { text }, at };
    if (!isAnswer) return { messages: [{ ...message, kind: 'stderr' }], outgoing: [] };
    const [turn] = this.turns.keys();
    return {
      messages: [{ ...message, kind: 'agent_message', origin: { block: 'stdout', ...(turn && { turn }) } }],
      outgoing: [],
    };
  }

  /** @throws AppError `prompt_failed` for a second turn: the program's stdin is closed after the first */
  startTurn(turn: { readonly id: string; readonly text: string }): Outgoing[] {
    if (this.turns.size > 0)
      throw new AppError('prompt_failed', `agent "${this.agent.name}" is a plain program and takes one prompt only`);
    this.expectTurn(turn.id);
    if (this.hasEndedWell) return [];
    const { instructions } = this.agent;
    return [{ data: `${instructions ? `${instructions}\n\n` : ''}${turn.text}\n`, endInput: true }];
  }

  expectTurn(id: string): void {
    if (!this.turns.has(id)) this.turns.set(id, this.hasEndedWell ? this.finished() : { status: 'open' });
  }

  /** A program cannot be asked to end its turn. */
  cancelTurn(): Outgoing[] {
    return [];
  }

  /** Nothing but its end says that a program has said all: an end that the engine did not see proves no answer. */
  exited(exit: AgentExit): Reaction {
    const isGood = exit.exitCode === 0 && !exit.isOutOfMemory && !exit.mayLackOutput;
    const end = describeAgentEnd(this.agent.name, { how: 'exited', ...exit });
    if (this.turns.size === 0 && isGood) {
      this.hasEndedWell = true;
    } else if (this.turns.size === 0) {
      const early = { ...end, message: `${end.message}, before it was given its prompt` };
      this.handshake = { status: 'failed', failure: this.stderrTail.appendTo(early) };
    }
    const failure = this.stderrTail.appendTo({ ...end, message: `${end.message}${quote(this.lastText)}` });
    for (const [id, turn] of this.turns)
      if (turn.status === 'open') this.turns.set(id, isGood ? this.finished() : { status: 'failed', failure });
    return NOTHING;
  }

  private finished(): TurnState {
    this.hasSeenWork = true;
    if (this.output.isCut) this.warningLog.note('output_cut', '');
    return { status: 'done', text: this.output.toString().replace(/\n$/, '') };
  }
}

/** A plain program: the prompt on its stdin, the answer on its stdout, exit code 0 for success. */
export class CommandProtocol implements AgentProtocol {
  readonly name = 'command';
  readonly stdin = 'once';

  begin(dialogue: DialogueOptions): ProtocolSession {
    return new CommandSession(dialogue.agent);
  }
}
