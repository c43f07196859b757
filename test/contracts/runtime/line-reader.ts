import type { AgentChannel, OutputLine } from '@crewtab/domain/ports/runtime';

/** Fails loudly where a promise does not settle in time, so that a test says what it waited for. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms in vain for ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Polls a condition until it holds. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  ms = 10_000,
): Promise<void> {
  for (const giveUpAt = Date.now() + ms; Date.now() < giveUpAt;) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited ${ms} ms in vain until ${what}`);
}

/** Reads an agent's lines one by one, each within a bound. */
export class LineReader {
  readonly lines: OutputLine[] = [];
  private readonly iterator: AsyncIterator<OutputLine>;

  constructor(
    readonly channel: AgentChannel,
    private readonly limitMs = 20_000,
  ) {
    this.iterator = channel.output[Symbol.asyncIterator]();
  }

  /** The next line, or null at the end of the output. */
  async next(): Promise<OutputLine | null> {
    const result = await within(
      this.limitMs,
      `a line after ${JSON.stringify(this.lines.at(-1) ?? 'none')}`,
      this.iterator.next(),
    );
    if (result.done) return null;
    this.lines.push(result.value);
    return result.value;
  }

  /** Reads until a line has this text, and fails when the output ends before. */
  async until(text: string): Promise<OutputLine> {
    for (let line = await this.next(); line; line = await this.next()) if (line.text === text) return line;
    throw new Error(`the output ended without the line ${JSON.stringify(text)}`);
  }

  /** Reads to the end of the output and returns every line that was read. */
  async toEnd(): Promise<readonly OutputLine[]> {
    while (await this.next());
    return this.lines;
  }

  texts(stream: OutputLine['stream'] = 'stdout'): string[] {
    return this.lines.filter((line) => line.stream === stream).map((line) => line.text);
  }
}
