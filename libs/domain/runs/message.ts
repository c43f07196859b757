import type { Outcome } from './run';

export const MESSAGE_KINDS = [
  'prompt',
  'agent_message',
  'agent_thought',
  'tool_call',
  'tool_result',
  'plan',
  'permission',
  'delegation',
  'stderr',
  'system',
  'other',
] as const;
export type MessageKind = (typeof MESSAGE_KINDS)[number];

/** `{ text }` for text, the protocol's own object otherwise. */
export type MessageContent = Readonly<Record<string, unknown>>;

/** A message on its way into the store. */
export interface DraftMessage {
  /** The agent's name; `null` for what Crewtab itself says. */
  readonly agent: string | null;
  readonly kind: MessageKind;
  readonly content: MessageContent;
  /** When the worker read it; the store keeps it as `at`. */
  readonly at: Date;
}

/** A stored message: immutable; `seq` counts from 1 in a run without a gap. */
export interface Message extends DraftMessage {
  readonly seq: number;
}

export function systemMessage(text: string, at: Date, agent: string | null = null): DraftMessage {
  return { agent, kind: 'system', content: { text }, at };
}

/** How the conversation of a run that did not succeed ends. */
export function endMessage({ status, error }: Outcome, at: Date): DraftMessage {
  return systemMessage(`The run ends as ${status}: ${error?.message ?? ''} (${error?.code ?? ''}).`, at);
}

/** True for kinds whose content is `{ text }` and whose chunks may be joined. */
export function isJoinable(kind: MessageKind): boolean {
  return kind === 'agent_message' || kind === 'agent_thought' || kind === 'stderr';
}
