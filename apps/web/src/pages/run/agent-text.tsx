import { memo, useDeferredValue, useState } from 'react';
import Markdown, { type Components } from 'react-markdown';
import remarkGfm from 'remark-gfm';
import { stripTerminalCodes } from '../../words/clean-terminal-text';
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
  a: ({ node, href = '', children }) => <AgentLink text={plainOf(node)} href={href} children={children} />,
  table: ({ children }) => (
    <div className="table-frame">
      <table>{children}</table>
    </div>
  ),
};

/** What an agent wrote, as Markdown while it is short enough. */
export const AgentText = memo(function AgentText({ text }: { readonly text: string }) {
  return text.length > MARKDOWN_LIMIT ? <PlainText text={text} /> : <MarkdownText text={text} />;
});

/**
 * Text that was never shown before stands as it was written for a moment: many rows that come at once (a person scrolls
 * fast) would hold up the page while their Markdown is read. React renders what is deferred in slices of a few milliseconds.
 */
function MarkdownText({ text }: { readonly text: string }) {
  const ready = useDeferredValue(text, RENDERED.has(text) ? text : null);
  return (
    <div className="prose" dir="auto">
      {ready === null ? <p className="whitespace-pre-wrap">{stripTerminalCodes(text)}</p> : <Rendered text={ready} />}
    </div>
  );
}

/** A component of its own, between two of which React can pause. */
function Rendered({ text }: { readonly text: string }) {
  const known = RENDERED.get(text);
  const rendered =
    known ??
    Markdown({
      ...{ remarkPlugins: PLUGINS, components: COMPONENTS, urlTransform: keepAddress },
      children: stripTerminalCodes(text),
    });
  // The newest stand last.
  RENDERED.delete(text);
  RENDERED.set(text, rendered);
  const [oldest] = RENDERED.keys();
  if (RENDERED.size > RENDERED_LIMIT && oldest !== undefined) RENDERED.delete(oldest);
  return rendered;
}

/** Markdown that was read before, by its text: rows are made anew whenever a person scrolls back to them. */
const RENDERED = new Map<string, React.ReactElement>();
const RENDERED_LIMIT = 400;

/** Addresses are judged where the link is made, so that one that is no link can still be read. */
const keepAddress = (address: string): string => address;

/**
 * Leads to the web, or by mail, and says where to when its text does not. Everything else (scripts, data, files, pages of
 * Crewtab) is text.
 */
function AgentLink({
  text,
  href,
  children,
}: {
  readonly text: string;
  readonly href: string;
  readonly children: React.ReactNode;
}) {
  const target = URL.canParse(href) ? new URL(href) : null;
  if (!target || !/^(https?|mailto):$/.test(target.protocol))
    return (
      <span>
        {children} {text !== href && <span className="text-soft">[{href}]</span>}
      </span>
    );
  const where = target.protocol === 'mailto:' ? target.pathname : target.host;
  return (
    <>
      <a href={target.href} title={target.href} target="_blank" rel="noreferrer noopener">
        {children}
      </a>
      {bareOf(text) !== bareOf(href) && <span className="text-xs text-soft"> {where}</span>}
    </>
  );
}

function bareOf(address: string): string {
  return address.replace(/^(https?:\/\/|mailto:)/, '').replace(/\/$/, '');
}

interface TextNode {
  readonly value?: string;
  readonly children?: readonly TextNode[];
}

function plainOf(node: object | undefined): string {
  const { value = '', children = [] } = (node ?? {}) as TextNode;
  return value + children.map(plainOf).join('');
}

/** Text as it is, its beginning where it is very long, and on from there by pieces. */
export function PlainText({ text, isTerminal = false }: { readonly text: string; readonly isTerminal?: boolean }) {
  const [length, setLength] = useState(SHOWN_LIMIT);
  const shown = text.slice(0, length);
  const left = text.length - shown.length;
  return (
    <pre dir="auto" className="font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]">
      {isTerminal ? <TerminalText text={shown} /> : stripTerminalCodes(shown)}
      {left > 0 && (
        <button
          type="button"
          className="mt-1 block font-sans font-medium text-accent"
          onClick={() => setLength(length + SHOWN_LIMIT)}
        >
          … {left.toLocaleString()} more characters
        </button>
      )}
    </pre>
  );
}
