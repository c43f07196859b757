import type { Clock } from '@crewtab/domain/ports/clock';
import type { Claim, RunStore } from '@crewtab/domain/ports/run-store';
import { isJoinable, type DraftMessage } from '@crewtab/domain/runs/message';
import type { OutputCursor } from '@crewtab/domain/runs/run';
import { isSameReport, type ReportedUsage } from '@crewtab/domain/runs/usage';
import { retrying } from '../timing';

/** Text chunks of one kind that arrive this close to each other share a message, ms. */
export const JOIN_WITHIN_MS = 250;
/** Buffered text that is stored without waiting further, in characters; also the most that joined chunks may reach. */
const FLUSH_AT_CHARS = 256 * 1024;
/** The same in messages: a statement stores at most these and what one line leads to. */
export const FLUSH_AT_MESSAGES = 500;

interface Batch {
  readonly messages: DraftMessage[];
  readonly to: OutputCursor;
  readonly usage: ReportedUsage | null;
  readonly endedAt: Date | null;
}

interface Buffered {
  draft: DraftMessage;
  lastAt: number;
  chars: number;
}

/**
 * Gathers one agent's messages and stores them together with the cursor of the lines they came from, in one
 * transaction. A crash loses only what is buffered, and the next worker reads exactly those lines again.
 */
export class ConversationRecorder {
  private buffer: Buffered[] = [];
  private chars = 0;
  private storing: Promise<void> = Promise.resolve();
  private cancelTimer: (() => void) | null = null;
  private batch: Batch | null = null;
  private usage: ReportedUsage | null;
  private isUsageStored = true;
  /** Until it is stored. */
  private endedAt: Date | null = null;
  private isClosed = false;
  private folded: OutputCursor;

  constructor(
    private readonly store: Pick<RunStore, 'appendMessages'>,
    private readonly clock: Clock,
    private readonly claim: Claim,
    private readonly agent: string,
    private stored: OutputCursor,
    private storedUsage: ReportedUsage | null,
    private readonly onStored: (messages: number) => void,
    private readonly onFailure: (error: unknown) => void,
  ) {
    this.folded = stored;
    this.usage = storedUsage;
  }

  get cursor(): OutputCursor {
    return this.stored;
  }

  /** The last line taken, stored or not. */
  get foldedCursor(): OutputCursor {
    return this.folded;
  }

  /** Takes what one line led to; `cursor` counts that line, and `usage` is what was reported up to there. */
  add(messages: readonly DraftMessage[], cursor: OutputCursor, usage: ReportedUsage | null): void {
    this.folded = cursor;
    if (usage !== this.usage) {
      this.usage = usage;
      this.isUsageStored = isSameReport(usage, this.storedUsage);
    }
    for (const draft of messages) this.push(draft);
    if (this.hasNews)
      this.cancelTimer ??= this.clock.after(JOIN_WITHIN_MS, () => void this.flush().catch(this.onFailure));
  }

  /** The agent has ended: stored with what it said last. */
  end(at: Date): void {
    this.endedAt ??= at;
  }

  private get hasNews(): boolean {
    return this.buffer.length > 0 || !this.isUsageStored || this.endedAt !== null;
  }

  get isFull(): boolean {
    return this.chars >= FLUSH_AT_CHARS || this.buffer.length >= FLUSH_AT_MESSAGES;
  }

  /** Resolves when everything added so far is stored. */
  flush(): Promise<void> {
    this.storing = this.storing.then(() => this.storeAll());
    return this.storing;
  }

  /** Stops for good; what is not stored is forgotten (and read again by the next worker). */
  close(): void {
    this.isClosed = true;
    this.cancelTimer?.();
    this.cancelTimer = null;
  }

  private push(draft: DraftMessage): void {
    const chars = charsOf(draft);
    const last = this.buffer.at(-1);
    this.chars += chars;
    if (last && canJoin(last, draft, chars)) {
      last.draft = {
        ...last.draft,
        content: {
          ...last.draft.content,
          text: `${String(last.draft.content['text'])}${String(draft.content['text'])}`,
        },
      };
      last.lastAt = draft.at.getTime();
      last.chars += chars;
    } else {
      this.buffer.push({ draft, lastAt: draft.at.getTime(), chars });
    }
  }

  private async storeAll(): Promise<void> {
    this.cancelTimer?.();
    this.cancelTimer = null;
    while (!this.isClosed && (this.batch || this.hasNews)) {
      this.batch ??= this.takeBatch();
      const { messages, to, usage, endedAt } = this.batch;
      // After a lost answer the same batch is offered again: the store recognizes it by its cursor and keeps one copy.
      this.stored = (await this.append(this.batch)) ?? to;
      this.storedUsage = usage;
      this.isUsageStored = isSameReport(usage, this.usage);
      if (endedAt) this.endedAt = null;
      this.batch = null;
      this.onStored(messages.length);
    }
  }

  private append({ messages, to, usage, endedAt }: Batch): Promise<OutputCursor | null> {
    const move = { agent: this.agent, from: this.stored, to, ...(usage && { usage }), ...(endedAt && { endedAt }) };
    return retrying(
      this.clock,
      () => this.isClosed,
      () => this.store.appendMessages(this.claim, messages, move),
    );
  }

  private takeBatch(): Batch {
    const messages = this.buffer.map((buffered) => buffered.draft);
    this.buffer = [];
    this.chars = 0;
    return { messages, to: this.folded, usage: this.usage, endedAt: this.endedAt };
  }
}

function canJoin(last: Buffered, next: DraftMessage, nextChars: number): boolean {
  return (
    isJoinable(next.kind) &&
    last.draft.kind === next.kind &&
    last.draft.agent === next.agent &&
    isOfSameBlock(last.draft, next) &&
    typeof last.draft.content['text'] === 'string' &&
    typeof next.content['text'] === 'string' &&
    next.at.getTime() - last.lastAt <= JOIN_WITHIN_MS &&
    last.chars + nextChars <= FLUSH_AT_CHARS
  );
}

/** A message that the agent names stays apart from others. */
function isOfSameBlock({ origin: a }: DraftMessage, { origin: b }: DraftMessage): boolean {
  return a?.block === b?.block && a?.turn === b?.turn;
}

function charsOf(draft: DraftMessage): number {
  const text = draft.content['text'];
  return typeof text === 'string' ? text.length : JSON.stringify(draft.content).length;
}
