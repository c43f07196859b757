/** What an agent program sends as the content of a message; any field may be missing or of another shape. */
export type Content = Readonly<Record<string, unknown>>;

/** A file that a tool changed. `before` is null for a new one. */
export interface Diff {
  readonly path: string;
  readonly before: string | null;
  readonly after: string;
}

export function wordOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function objectOf(value: unknown): Content {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Content) : {};
}

/** What one message says of a tool's output. */
export interface ToolOutput {
  readonly text: string;
  /** The text goes on where the last one ended, as Codex sends what a shell writes; otherwise it stands by itself. */
  readonly isPiece: boolean;
  readonly diffs: readonly Diff[];
}

/** The texts that a tool reports, one under the other, and the files that it changed. */
export function readToolOutput(content: Content): ToolOutput {
  const blocks = Array.isArray(content['content']) ? content['content'].map(objectOf) : [];
  const texts = blocks.map((block) => wordOf(objectOf(block['content'])['text'])).filter((text) => text !== '');
  const diffs = blocks
    .filter(({ type }) => type === 'diff')
    .map((block) => ({
      path: wordOf(block['path']),
      before: typeof block['oldText'] === 'string' ? block['oldText'] : null,
      after: wordOf(block['newText']),
    }));
  const piece = wordOf(objectOf(objectOf(content['_meta'])['terminal_output_delta'])['data']);
  return texts.length > 0 || piece === ''
    ? { text: texts.join('\n'), isPiece: false, diffs }
    : { text: piece, isPiece: true, diffs };
}

/** Some tools repeat what they reported before, some report only what is new. */
export function joinOutput(before: string, { text, isPiece }: ToolOutput): string {
  if (isPiece) return before + text;
  if (before === '' || text.startsWith(before)) return text || before;
  return text === '' ? before : `${before}\n${text}`;
}
