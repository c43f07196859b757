import { ansiToJson } from 'anser';
import { memo } from 'react';
import { cleanTerminalText } from '../../words/clean-terminal-text';

/** What a shell wrote: its colours are shown, as far as they can be read on this ground; its cursor goes nowhere. */
export const TerminalText = memo(function TerminalText({ text }: { readonly text: string }) {
  const pieces = ansiToJson(cleanTerminalText(text), { use_classes: true, remove_empty: true });
  return (
    <>
      {pieces.map(({ content, fg, decorations }, index) => (
        <span key={index} className={[COLORS[fg ?? ''], ...decorations.map((one) => DECORATIONS[one])].join(' ')}>
          {content}
        </span>
      ))}
    </>
  );
});

const COLORS: Readonly<Record<string, string>> = {
  'ansi-red': 'text-failed',
  'ansi-bright-red': 'text-failed',
  'ansi-green': 'text-success',
  'ansi-bright-green': 'text-success',
  'ansi-yellow': 'text-timeout',
  'ansi-bright-yellow': 'text-timeout',
  'ansi-blue': 'text-running',
  'ansi-bright-blue': 'text-running',
  'ansi-cyan': 'text-running',
  'ansi-bright-cyan': 'text-running',
  'ansi-magenta': 'text-missed',
  'ansi-bright-magenta': 'text-missed',
  'ansi-bright-black': 'text-soft',
};

const DECORATIONS: Readonly<Record<string, string>> = {
  bold: 'font-semibold',
  italic: 'italic',
  underline: 'underline',
  dim: 'text-soft',
};
