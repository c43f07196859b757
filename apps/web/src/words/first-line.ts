import { stripTerminalCodes } from './clean-terminal-text';

/** The first line of a Markdown text, without its marks. */
export function firstLine(text: string): string {
  const line = stripTerminalCodes(text.slice(0, 2_000))
    .split('\n')
    .find((one) => one.trim() !== '');
  return (
    line
      ?.replace(/^[#>*\-\s]+/, '')
      .replaceAll(/[`*_]{1,2}/g, '')
      .slice(0, 300) ?? ''
  );
}
