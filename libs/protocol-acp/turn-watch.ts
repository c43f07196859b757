import type { TurnState } from '@crewtab/domain/ports/agent-protocol';
import { plainText } from '@crewtab/domain/runs/plain-text';
import {
  AnswerText,
  endOfTurn,
  isObject,
  type JsonObject,
  type ReportedFailure,
  type TurnSoFar,
  type UpdateMeaning,
} from './acp-messages';
import { ToolCalls } from './tool-calls';
import { reportedFailure } from './reported-failure';

const SHOWN_CHARS = 200;

/** What the agent has done in one turn: what its answer is, what is open, and how it says that something went wrong. */
export class TurnWatch {
  private readonly answer = new AnswerText();
  private readonly calls = new ToolCalls();
  private failure: ReportedFailure | null = null;
  private refused: string | null = null;
  private doing: string | null = null;

  /** Of tool calls that it began and did not end. */
  get openCalls(): string[] {
    return this.calls.titles;
  }

  get isCut(): boolean {
    return this.answer.read().isCut;
  }

  /** What a tool call told of itself before; empty where nothing is known. */
  knownOf(toolCallId: unknown): JsonObject {
    return this.calls.knownOf(toolCallId);
  }

  /** A tool call that looked like the agent's own is a sub-agent's. @returns what it told of itself; null: it is not open */
  disown(toolCallId: unknown): JsonObject | null {
    return this.calls.take(toolCallId);
  }

  /** What it was last seen doing, in words that follow its name; null: nothing. */
  get lastSeen(): string | null {
    const [call] = this.calls.titles.slice(-1);
    return call === undefined ? this.doing : `was in the tool call ${shown(call)}`;
  }

  /** @param update one of the agent itself, not of a sub-agent */
  note({ kind, content, answer, breaksAnswer }: UpdateMeaning, update: JsonObject): void {
    if (breaksAnswer) this.answer.breakBlock();
    if (answer) this.answer.add(answer.text, answer.messageId);
    if (kind === 'tool_call' || kind === 'tool_result') this.calls.note(content);
    const failure = reportedFailure(update);
    // A report is taken back by its agent, when it goes on after all.
    if (failure !== undefined) this.failure = failure;
    this.doing = wordsFor(kind, content, () => this.answer.read().text) ?? this.doing;
  }

  noteAsked(title: string): void {
    this.doing = `asked for a permission: ${shown(title)}`;
  }

  noteRefused(title: string): void {
    this.refused = title;
  }

  soFar(): TurnSoFar {
    return {
      text: this.answer.read().text,
      openCalls: this.calls.titles,
      refused: this.refused,
      failure: this.failure,
    };
  }

  /** How the turn ends by this result of its request. */
  endBy(agent: string, result: unknown): TurnState {
    const failure = isObject(result) ? reportedFailure(result) : undefined;
    const soFar = this.soFar();
    return endOfTurn(agent, result, failure === undefined ? soFar : { ...soFar, failure });
  }
}

function wordsFor(kind: UpdateMeaning['kind'], content: JsonObject, text: () => string): string | null {
  switch (kind) {
    case 'agent_message':
      return `last said ${shown(text().trim().slice(-SHOWN_CHARS))}`;
    case 'agent_thought':
      return 'was thinking';
    case 'plan':
      return 'made a plan';
    case 'tool_result':
      return `had ended a tool call as ${String(content['status'])}`;
    default:
      return null;
  }
}

function shown(text: string): string {
  const line = plainText(text).replace(/\s+/g, ' ').trim();
  return `"${line.length > SHOWN_CHARS ? `${line.slice(0, SHOWN_CHARS)}…` : line}"`;
}
