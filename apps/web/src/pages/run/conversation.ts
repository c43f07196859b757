import type { Message } from '../../api/client';
import { joinOutput, objectOf, readToolOutput, wordOf, type Content, type Diff } from './tool-output';

/** What stands as one row of a conversation: text that came in pieces, or a call with its answer. */
export type Entry =
  | TextEntry
  | ToolEntry
  | PlanEntry
  | DelegationEntry
  | PermissionEntry
  | NetworkEntry
  | ArtifactEntry
  | VerificationEntry
  | { readonly kind: 'other'; readonly name: string; readonly content: unknown; readonly place: Place };

interface TextEntry {
  readonly kind: 'prompt' | 'says' | 'thinks' | 'stderr' | 'system';
  readonly text: string;
  /** Of a list of what a session offers: its parts, by name. */
  readonly offers?: Readonly<Record<string, string>>;
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
  readonly diffs: readonly Diff[];
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
  /** The answer says why there is none. */
  readonly isFailed: boolean;
  readonly endedAt: string | null;
  readonly place: Place;
}

/** A question of an agent that Crewtab answered at once. */
export interface PermissionEntry {
  readonly kind: 'permission';
  readonly title: string;
  readonly decision: 'allowed' | 'denied' | 'cancelled';
  /** The answer that was chosen, in the agent's words. */
  readonly option: string;
  readonly request: unknown;
  readonly place: Place;
}

/** What the run's way out of its containers says of a host. */
export interface NetworkEntry {
  readonly kind: 'network';
  readonly text: string;
  readonly isRefused: boolean;
  readonly place: Place;
}

/** Files of the run that were kept when it ended. */
export interface ArtifactEntry {
  readonly kind: 'artifact';
  readonly count: number;
  readonly bytes: number;
  /** The first of them. */
  readonly paths: readonly string[];
  readonly place: Place;
}

/** What became of the checks of its work. */
export interface VerificationEntry {
  readonly kind: 'verification';
  readonly text: string;
  readonly isFailed: boolean;
  readonly checks: readonly { readonly name: string; readonly isFailed: boolean; readonly message: string }[];
  readonly place: Place;
}

/** Where in the conversation it begins, and whose it is. */
export interface Place {
  readonly seq: number;
  readonly at: string;
  readonly agent: string | null;
  /** Of a sub-agent. */
  readonly session?: string;
}

const OFFERS = new Set(['available_commands_update', 'config_option_update', 'current_mode_update']);

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
  /** What each session of an agent said last, while nothing else of it came in between. */
  private readonly speaking = new Map<string, number>();
  /** The row that took the newest message. */
  private taken = 0;
  private readonly rowOfSeq = new Map<number, number>();

  /** The seq at which the row begins that a message is a piece of; undefined: it was not taken. */
  readonly placeOf = (seq: number): number | undefined => {
    const row = this.rowOfSeq.get(seq);
    return row === undefined ? undefined : this.rows[row]?.place.seq;
  };

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
      this.rowOfSeq.set(message.seq, this.taken);
    }
  }

  private take(message: Message): void {
    const { kind, agent, content, session } = message;
    const place = { seq: message.seq, at: message.at, agent, ...(session !== undefined && { session }) };
    if (kind in TEXT_KINDS) return this.takeText(TEXT_KINDS[kind as keyof typeof TEXT_KINDS], message, place);
    if (kind === 'other' && OFFERS.has(wordOf(content['sessionUpdate']))) return this.takeOffer(content, place);
    this.speaking.delete(speakerOf(place));
    if (kind === 'tool_call' || kind === 'tool_result') this.takeTool(content, place);
    else if (kind === 'plan') this.takePlan(content, place);
    else if (kind === 'delegation') this.takeDelegation(content, place);
    else if (kind === 'permission') this.push(permissionOf(content, place));
    else if (kind === 'network')
      this.push({ kind, text: textOf(content), isRefused: content['kind'] !== 'allowed', place });
    else if (kind === 'artifact') this.push(artifactsOf(content, place));
    else if (kind === 'verification') this.push(verificationOf(content, place));
    else this.push({ kind: 'other', name: kind, content, place });
  }

  /** A message that the agent names goes on whatever stands between; another one while nothing else comes. */
  private takeText(kind: TextEntry['kind'], { content, messageId }: Message, place: Place): void {
    const text = textOf(content);
    const speaker = speakerOf(place);
    const key = messageId === undefined ? null : `${kind} ${speaker} ${messageId}`;
    const at = key === null ? this.speaking.get(speaker) : this.open.get(key);
    const last = at === undefined ? undefined : this.rows[at];
    if (at !== undefined && last?.kind === kind) this.replace(at, { ...last, text: last.text + text });
    else {
      const row = this.push({ kind, text, place });
      if (key === null) this.speaking.set(speaker, row);
      else this.open.set(key, row);
    }
    // What is said without a name after it is another message.
    if (key !== null) this.speaking.delete(speaker);
  }

  /** Lists of what a session offers come again and again, each time whole. */
  private takeOffer(content: Content, place: Place): void {
    const key = `offers ${speakerOf(place)}`;
    const at = this.open.get(key);
    const before = at === undefined ? undefined : this.rows[at];
    const known = before?.kind === 'system' ? before.offers : undefined;
    const offers = { ...known, ...offersIn(content) };
    const text = `offers ${Object.values(offers).join('; ')}`;
    this.put(key, at, { kind: 'system', text, offers, place: before?.place ?? place });
  }

  private takeTool(content: Content, place: Place): void {
    const key = `tool ${speakerOf(place)} ${wordOf(content['toolCallId'])}`;
    const at = this.open.get(key);
    const before = at === undefined ? undefined : this.rows[at];
    const known = before?.kind === 'tool' ? before : null;
    const status = wordOf(content['status']);
    const isOver = status === 'completed' || status === 'failed';
    const output = readToolOutput(content);
    const entry: ToolEntry = {
      kind: 'tool',
      title: wordOf(content['title']) || known?.title || 'tool',
      toolKind: wordOf(content['kind']) || known?.toolKind || '',
      state: isOver ? status : (known?.state ?? 'open'),
      input: content['rawInput'] ?? known?.input,
      output: joinOutput(known?.output ?? '', output),
      diffs: output.diffs.length > 0 ? output.diffs : (known?.diffs ?? []),
      endedAt: isOver ? place.at : (known?.endedAt ?? null),
      place: known?.place ?? place,
    };
    this.put(key, at, entry);
  }

  private takePlan(content: Content, place: Place): void {
    const key = `plan ${speakerOf(place)}`;
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
      this.put(key, at, {
        ...before,
        answer: textOf(content) || wordOf(content['error']),
        isFailed: 'error' in content,
        endedAt: place.at,
      });
    else {
      const task = wordOf(content['task']) || textOf(content);
      this.put(key, undefined, {
        kind: 'delegation',
        to: wordOf(content['to']),
        task,
        answer: null,
        isFailed: false,
        endedAt: null,
        place,
      });
    }
  }

  private put(key: string, at: number | undefined, entry: Entry): void {
    if (at === undefined) this.open.set(key, this.push(entry));
    else this.replace(at, entry);
  }

  private push(entry: Entry): number {
    this.taken = this.rows.push(entry) - 1;
    return this.taken;
  }

  private replace(at: number, entry: Entry): void {
    this.rows[at] = entry;
    this.taken = at;
  }
}

function speakerOf({ agent, session = '' }: Place): string {
  return `${agent} ${session}`;
}

function offersIn({ availableCommands, configOptions, currentModeId }: Content): Record<string, string> {
  const commands = Array.isArray(availableCommands)
    ? availableCommands.map((one) => wordOf(objectOf(one)['name']))
    : null;
  const options = Array.isArray(configOptions) ? configOptions.map(objectOf) : null;
  return {
    ...(commands && { commands: commands.length === 0 ? 'no commands' : `the commands ${commands.join(', ')}` }),
    ...(options && {
      options: `the options ${options.map(({ id, currentValue }) => `${wordOf(id)} = ${wordOf(currentValue)}`).join(', ')}`,
    }),
    ...(typeof currentModeId === 'string' && { mode: `the mode ${currentModeId}` }),
  };
}

function textOf(content: Content): string {
  return wordOf(content['text']);
}

/** A decision without a known word is shown as none. */
function permissionOf(content: Content, place: Place): PermissionEntry {
  const request = objectOf(content['request']);
  const decision = wordOf(content['decision']);
  return {
    kind: 'permission',
    title: wordOf(objectOf(request['toolCall'])['title']) || 'a permission',
    decision: decision === 'allowed' || decision === 'denied' ? decision : 'cancelled',
    option: wordOf(objectOf(content['option'])['name']),
    request,
    place,
  };
}

function artifactsOf(content: Content, place: Place): ArtifactEntry {
  const files = Array.isArray(content['artifacts']) ? content['artifacts'].map(objectOf) : [];
  const [count, bytes] = [Number(content['count'] ?? files.length), Number(content['bytes'] ?? 0)];
  return { kind: 'artifact', count, bytes, paths: files.map(({ path }) => wordOf(path)), place };
}

function verificationOf(content: Content, place: Place): VerificationEntry {
  const checks = Array.isArray(content['checks']) ? content['checks'].map(objectOf) : [];
  return {
    ...{ kind: 'verification', text: textOf(content), isFailed: content['status'] !== 'passed', place },
    checks: checks.map((check) => ({
      ...{ name: wordOf(check['kind']) === 'schema' ? 'the result as JSON' : wordOf(check['name']) },
      ...{ isFailed: check['status'] !== 'passed', message: wordOf(check['message']) },
    })),
  };
}
