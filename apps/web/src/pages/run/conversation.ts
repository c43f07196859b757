import type { Message } from '../../api/client';

/** What stands as one row of a conversation: text that came in pieces, or a call with its answer. */
export type Entry =
  | TextEntry
  | ToolEntry
  | PlanEntry
  | DelegationEntry
  | { readonly kind: 'other'; readonly name: string; readonly content: unknown; readonly place: Place };

interface TextEntry {
  readonly kind: 'prompt' | 'says' | 'thinks' | 'stderr' | 'system';
  readonly text: string;
  readonly place: Place;
}

export interface ToolEntry {
  readonly kind: 'tool';
  readonly title: string;
  /** The protocol's word for what it does: `read`, `search`, `execute`. */
  readonly toolKind: string;
  readonly state: 'open' | 'completed' | 'failed';
  readonly input: unknown;
  readonly output: string;
  readonly endedAt: string | null;
  readonly place: Place;
}

export interface PlanEntry {
  readonly kind: 'plan';
  readonly steps: readonly { readonly content: string; readonly status: string }[];
  readonly place: Place;
}

export interface DelegationEntry {
  readonly kind: 'delegation';
  readonly to: string;
  readonly task: string;
  readonly answer: string | null;
  readonly endedAt: string | null;
  readonly place: Place;
}

/** Where in the conversation it begins, and whose it is. */
interface Place {
  readonly seq: number;
  readonly at: string;
  readonly agent: string | null;
}

const TEXT_KINDS = {
  prompt: 'prompt',
  agent_message: 'says',
  agent_thought: 'thinks',
  stderr: 'stderr',
  system: 'system',
} as const satisfies Partial<Record<Message['kind'], TextEntry['kind']>>;

/**
 * Folds the messages of a run, which come in order and in pieces, into rows. An entry that grows is replaced at its place, so
 * that rows that did not change stay the same objects.
 */
export class Conversation {
  private rows: Entry[] = [];
  private lastSeq = 0;
  /** Places in `rows` of what may still grow. */
  private readonly open = new Map<string, number>();
  /** What each agent said last, while nothing else of it came in between. */
  private readonly speaking = new Map<string | null, number>();

  get entries(): readonly Entry[] {
    return this.rows;
  }

  /** Messages that were taken before are left out. */
  add(messages: readonly Message[]): void {
    this.rows = [...this.rows];
    for (const message of messages) {
      if (message.seq <= this.lastSeq) continue;
      this.lastSeq = message.seq;
      this.take(message);
    }
  }

  private take(message: Message): void {
    const { kind, agent, content } = message;
    const place = { seq: message.seq, at: message.at, agent };
    if (kind in TEXT_KINDS) return this.takeText(TEXT_KINDS[kind as keyof typeof TEXT_KINDS], textOf(content), place);
    this.speaking.delete(agent);
    if (kind === 'tool_call' || kind === 'tool_result') this.takeTool(content, place);
    else if (kind === 'plan') this.takePlan(content, place);
    else if (kind === 'delegation') this.takeDelegation(content, place);
    else this.push({ kind: 'other', name: kind, content, place });
  }

  private takeText(kind: TextEntry['kind'], text: string, place: Place): void {
    const at = this.speaking.get(place.agent);
    const last = at === undefined ? undefined : this.rows[at];
    if (at !== undefined && last?.kind === kind) this.rows[at] = { ...last, text: last.text + text };
    else this.speaking.set(place.agent, this.push({ kind, text, place }));
  }

  private takeTool(content: Content, place: Place): void {
    const key = `tool ${place.agent} ${wordOf(content['toolCallId'])}`;
    const at = this.open.get(key);
    const before = at === undefined ? undefined : this.rows[at];
    const known = before?.kind === 'tool' ? before : null;
    const status = wordOf(content['status']);
    const isOver = status === 'completed' || status === 'failed';
    const output = outputOf(content);
    const entry: ToolEntry = {
      kind: 'tool',
      title: wordOf(content['title']) || known?.title || 'tool',
      toolKind: wordOf(content['kind']) || known?.toolKind || '',
      state: isOver ? status : (known?.state ?? 'open'),
      input: content['rawInput'] ?? known?.input,
      output: joinOutput(known?.output ?? '', output),
      endedAt: isOver ? place.at : (known?.endedAt ?? null),
      place: known?.place ?? place,
    };
    this.put(key, at, entry);
  }

  private takePlan(content: Content, place: Place): void {
    const key = `plan ${place.agent}`;
    const steps = Array.isArray(content['entries']) ? (content['entries'] as Content[]) : [];
    const at = this.open.get(key);
    const before = at === undefined ? undefined : this.rows[at];
    this.put(key, at, {
      kind: 'plan',
      steps: steps.map((step) => ({ content: wordOf(step['content']), status: wordOf(step['status']) })),
      place: before?.place ?? place,
    });
  }

  private takeDelegation(content: Content, place: Place): void {
    const key = `delegation ${wordOf(content['id'])}`;
    const at = this.open.get(key);
    const before = at === undefined ? undefined : this.rows[at];
    if (before?.kind === 'delegation')
      this.put(key, at, { ...before, answer: textOf(content) || wordOf(content['error']), endedAt: place.at });
    else {
      const task = wordOf(content['task']) || textOf(content);
      this.put(key, undefined, {
        kind: 'delegation',
        to: wordOf(content['to']),
        task,
        answer: null,
        endedAt: null,
        place,
      });
    }
  }

  private put(key: string, at: number | undefined, entry: Entry): void {
    if (at === undefined) this.open.set(key, this.push(entry));
    else this.rows[at] = entry;
  }

  private push(entry: Entry): number {
    return this.rows.push(entry) - 1;
  }
}

type Content = Readonly<Record<string, unknown>>;

function textOf(content: Content): string {
  return wordOf(content['text']);
}

function wordOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The texts and diffs that a tool reports, one under the other. */
function outputOf(content: Content): string {
  const blocks = Array.isArray(content['content']) ? (content['content'] as Content[]) : [];
  return blocks
    .map((block) => {
      if (block['type'] === 'diff') return `${wordOf(block['path'])}\n${wordOf(block['newText'])}`;
      const inner = block['content'] as Content | undefined;
      return wordOf(inner?.['text']);
    })
    .filter((text) => text !== '')
    .join('\n');
}

/** Some tools repeat what they reported before, some report only what is new. */
function joinOutput(before: string, next: string): string {
  if (before === '' || next.startsWith(before)) return next || before;
  return next === '' ? before : `${before}\n${next}`;
}
