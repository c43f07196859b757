import type { KeptArtifact } from './artifact';
import type { Outcome } from './run';
import type { Verification } from './verification';

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
  'network',
  'verification',
  'artifact',
  'system',
  'other',
] as const;
export type MessageKind = (typeof MESSAGE_KINDS)[number];

/** `{ text }` for text, the protocol's own object otherwise. */
export type MessageContent = Readonly<Record<string, unknown>>;

/** Where a message comes from, as far as its protocol tells. */
export interface MessageOrigin {
  /** The agent's name of the message that this is a piece of. */
  readonly messageId?: string;
  readonly toolCallId?: string;
  /** Of a sub-agent; absent: the agent's own. */
  readonly session?: string;
  /** In which the agent said or did it: `prompt:<runId>`, `delegate:<callId>`. */
  readonly turn?: string;
  /** Messages of an agent with the same block are pieces of one. */
  readonly block?: string;
}

/** A message on its way into the store. */
export interface DraftMessage {
  /** The agent's name; `null` for what Crewtab itself says. */
  readonly agent: string | null;
  readonly kind: MessageKind;
  readonly content: MessageContent;
  /** When the worker read it; the store keeps it as `at`. */
  readonly at: Date;
  readonly origin?: MessageOrigin;
}

/** A stored message: immutable; `seq` counts from 1 in a run without a gap. */
export interface Message extends DraftMessage {
  readonly seq: number;
}

/** A message as lists show it. */
export interface ListedMessage extends Message {
  /** Its content is only `{ text }` with the beginning of its text, or of the JSON of any other content. */
  readonly isTruncated?: boolean;
}

/** How much of a conversation is read at a time, in bytes of JSON; a page has at least one message, however large. */
export const MESSAGE_PAGE = {
  /** What a page shows. */
  shownBytes: 4 * 1024 ** 2,
  /** What is read for it: more than is shown where messages are shown truncated. */
  readBytes: 16 * 1024 ** 2,
  /** A larger message is shown truncated, and so many characters of it. */
  beginning: 64 * 1024,
  /** Characters of one slice of a message's text. */
  slice: 1024 ** 2,
} as const;

export function systemMessage(text: string, at: Date, agent: string | null = null): DraftMessage {
  return { agent, kind: 'system', content: { text }, at };
}

/** What a run's verification came to; the run itself has each check. */
export function verificationMessage({ status, checks }: Verification, at: Date): DraftMessage {
  const failed = checks.filter((check) => check.status === 'failed').length;
  const text =
    status === 'passed'
      ? `The work was verified: ${checks.length} checks passed.`
      : `The verification failed: ${failed} of ${checks.length} checks.`;
  return { agent: null, kind: 'verification', content: { text, status, checks }, at };
}

/** Files that a message names; the run's list of artifacts has all of them. */
const NAMED_ARTIFACTS = 100;

/** Which files of a run were kept. */
export function artifactMessage(kept: readonly KeptArtifact[], at: Date): DraftMessage {
  const bytes = kept.reduce((sum, one) => sum + one.bytes, 0);
  const text = `${kept.length === 1 ? '1 file was' : `${kept.length} files were`} kept, ${bytes} bytes.`;
  const artifacts = kept.slice(0, NAMED_ARTIFACTS).map(({ path, bytes: size, digest, contentType }) => {
    return { path, bytes: size, digest, contentType };
  });
  return { agent: null, kind: 'artifact', content: { text, count: kept.length, bytes, artifacts }, at };
}

/** How the conversation of a run that did not succeed ends. */
export function endMessage({ status, error }: Outcome, at: Date): DraftMessage {
  return systemMessage(`The run ends as ${status}: ${error?.message ?? ''} (${error?.code ?? ''}).`, at);
}

/** True for kinds whose content is `{ text }` and whose chunks may be joined. */
export function isJoinable(kind: MessageKind): boolean {
  return kind === 'agent_message' || kind === 'agent_thought' || kind === 'stderr';
}
