/** One argument a line, or JSON where an argument has lines of its own. */
export function writeCommand(args: readonly string[]): string {
  return args.some((arg) => /[\n\r]|^\[/.test(arg) || arg.trim() !== arg || arg === '')
    ? JSON.stringify(args)
    : args.join('\n');
}

export function readCommand(text: string): string[] {
  if (/^\s*\[/.test(text)) {
    try {
      const parsed: unknown = JSON.parse(text);
      if (Array.isArray(parsed) && parsed.every((arg) => typeof arg === 'string')) return parsed;
    } catch {
      // No JSON after all: a program whose name begins with a bracket.
    }
  }
  return linesOf(text);
}

export function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
