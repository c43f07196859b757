import { useState } from 'react';

/** The end of an id, which tells runs of one minute apart; a click copies the whole. */
export function ShortId({ id }: { readonly id: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = (): void => {
    void navigator.clipboard.writeText(id).then(() => {
      setCopied(true);
      setTimeout(() => setCopied(false), 1_500);
    });
  };
  return (
    <button
      type="button"
      onClick={copy}
      title={`${id}: click copies it`}
      className="rounded px-1 font-mono text-xs text-soft hover:bg-hover hover:text-ink"
    >
      {isCopied ? 'copied' : id.slice(-6)}
    </button>
  );
}
