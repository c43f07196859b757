import { memo } from 'react';
import Markdown, { type Components } from 'react-markdown';
import remarkGfm from 'remark-gfm';
import { stripTerminalCodes } from './clean-terminal-text';
import { TerminalText } from './terminal-text';

/** Longer Markdown takes tens of milliseconds to render, so it is shown as it was written. */
const MARKDOWN_LIMIT = 16_384;
/** What a row shows of a text; the rest is one click away. */
const SHOWN_LIMIT = 65_536;

const PLUGINS = [remarkGfm];

/** Text of strangers: HTML in it stays text, no image is loaded, no link is followed without its address being seen. */
const COMPONENTS: Components = {
  img: ({ alt, src }) => (
    <span className="text-soft">
      [image: {alt} {typeof src === 'string' ? src : ''}]
    </span>
  ),
  a: ({ href, children }) => (
    <a href={href} title={href} target="_blank" rel="noreferrer noopener">
      {children}
    </a>
  ),
  table: ({ children }) => (
    <div className="table-frame">
      <table>{children}</table>
    </div>
  ),
};

/** What an agent wrote, as Markdown while it is short enough. */
export const AgentText = memo(function AgentText({ text }: { readonly text: string }) {
  if (text.length > MARKDOWN_LIMIT) return <PlainText text={text} />;
  return (
    <div className="prose" dir="auto">
      <Markdown remarkPlugins={PLUGINS} components={COMPONENTS}>
        {stripTerminalCodes(text)}
      </Markdown>
    </div>
  );
});

/** Text as it is, its beginning where it is very long. */
export function PlainText({ text, isTerminal = false }: { readonly text: string; readonly isTerminal?: boolean }) {
  const shown = text.slice(0, SHOWN_LIMIT);
  return (
    <pre dir="auto" className="font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]">
      {isTerminal ? <TerminalText text={shown} /> : stripTerminalCodes(shown)}
      {text.length > SHOWN_LIMIT && (
        <span className="text-soft">
          {'\n'}… {(text.length - SHOWN_LIMIT).toLocaleString()} more characters; the API has them all
        </span>
      )}
    </pre>
  );
}
