import { MESSAGE_PAGE, type ListedMessage, type Message, type MessageContent, type MessageKind } from './message';

/** What an agent sent in pieces, as one message at the place of its first piece. */
export interface JoinedMessage extends ListedMessage {
  /** How many stored messages it stands for. */
  readonly pieces: number;
  /** Of the last of them. */
  readonly lastSeq: number;
  readonly endedAt: Date;
}

export interface Pieces {
  /** From the first on, in order; where there are too many, those at the end follow behind a gap. */
  readonly read: readonly ListedMessage[];
  readonly count: number;
  readonly last: Pick<Message, 'seq' | 'at'>;
}

/** Lists of what a session offers, which agents send again and again, each time whole. */
export const OFFER_UPDATES: ReadonlySet<unknown> = new Set([
  'available_commands_update',
  'config_option_update',
  'current_mode_update',
]);

/** @param pieces at least one */
export function joinPieces({ read, count, last }: Pieces): JoinedMessage {
  const [first] = read;
  if (!first) throw new Error('a message has at least one piece');
  const { kind, content } = joinContents(first, read);
  const joined = cutLongText(content);
  const isCut = read.length < count || joined.isCut || read.some(({ isTruncated }) => isTruncated);
  const { isTruncated: _, ...rest } = first;
  return {
    ...rest,
    ...{ kind, content: joined.content, pieces: count, lastSeq: last.seq, endedAt: last.at },
    ...(isCut && { isTruncated: true }),
  };
}

interface Joined {
  readonly kind: MessageKind;
  readonly content: MessageContent;
}

function joinContents(first: ListedMessage, pieces: readonly ListedMessage[]): Joined {
  const { kind, content } = first;
  if (kind === 'other' && OFFER_UPDATES.has(content['sessionUpdate'])) return joinOffers(first.agent, pieces);
  if (pieces.length === 1) return { kind, content };
  if (kind === 'tool_call' || kind === 'tool_result') return { kind: 'tool_call', content: joinToolCall(pieces) };
  if (kind === 'plan') return { kind, content: pieces.at(-1)?.content ?? content };
  const text = pieces.map((piece) => wordOf(piece.content['text'])).join('');
  return { kind, content: { ...content, text } };
}

/** Each update tells what has changed; the texts and terminal output of all of them are its `output`. */
function joinToolCall(pieces: readonly ListedMessage[]): MessageContent {
  let output = '';
  let call: MessageContent = {};
  for (const { content } of pieces) {
    const { content: blocks, _meta, ...fields } = content;
    output = joinOutput(output, content);
    const meta = { ...objectOf(call['_meta']), ...withoutTerminalOutput(objectOf(_meta)) };
    call = {
      ...call,
      ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined)),
      ...(Array.isArray(blocks) && blocks.length > 0 && { content: blocks }),
      ...(Object.keys(meta).length > 0 && { _meta: meta }),
    };
  }
  return { ...call, sessionUpdate: 'tool_call', output };
}

/** Some tools repeat what they reported before, some report only what is new; a shell's output goes on where it ended. */
function joinOutput(before: string, content: MessageContent): string {
  const delta = wordOf(objectOf(objectOf(content['_meta'])['terminal_output_delta'])['data']);
  const blocks = Array.isArray(content['content']) ? content['content'].map(objectOf) : [];
  const text = blocks
    .map((block) => wordOf(objectOf(block['content'])['text']))
    .filter((one) => one !== '')
    .join('\n');
  if (text === '') return before + delta;
  if (before === '' || text.startsWith(before)) return text;
  return `${before}\n${text}`;
}

function withoutTerminalOutput({ terminal_output_delta: _, ...meta }: MessageContent): MessageContent {
  return meta;
}

function joinOffers(agent: string | null, pieces: readonly ListedMessage[]): Joined {
  const commands = new Set<string>();
  const options = new Map<string, string>();
  for (const { content } of pieces) {
    const { availableCommands, configOptions, currentModeId } = content;
    if (Array.isArray(availableCommands)) {
      commands.clear();
      for (const command of availableCommands.map(objectOf)) commands.add(wordOf(command['name']));
    }
    if (Array.isArray(configOptions))
      for (const option of configOptions.map(objectOf))
        options.set(wordOf(option['id']), wordOf(option['currentValue']));
    if (typeof currentModeId === 'string') options.set('mode', currentModeId);
  }
  const parts = [
    commands.size === 0 ? null : `the commands ${[...commands].join(', ')}`,
    options.size === 0 ? null : `the options ${[...options].map(([id, value]) => `${id} = ${value}`).join(', ')}`,
  ].filter((part) => part !== null);
  const text = `${agent ?? 'the agent'} offers ${parts.length === 0 ? 'no commands' : parts.join('; ')}`;
  return { kind: 'system', content: { text, commands: [...commands], options: Object.fromEntries(options) } };
}

function cutLongText(content: MessageContent): { readonly content: MessageContent; readonly isCut: boolean } {
  const json = JSON.stringify(content);
  if (json.length <= MESSAGE_PAGE.beginning) return { content, isCut: false };
  for (const field of ['text', 'output'])
    if (typeof content[field] === 'string') {
      const rest = json.length - JSON.stringify(content[field]).length;
      const room = MESSAGE_PAGE.beginning - rest;
      if (room > 0) return { content: { ...content, [field]: beginningOf(content[field], room) }, isCut: true };
    }
  return { content: { text: beginningOf(json, MESSAGE_PAGE.beginning) }, isCut: true };
}

/** Whole characters only. */
function beginningOf(text: string, length: number): string {
  const cut = text.slice(0, length);
  return /[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut;
}

function wordOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function objectOf(value: unknown): MessageContent {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as MessageContent) : {};
}
