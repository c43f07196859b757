import { Link } from '@tanstack/react-router';

/** A `?` beside a word: its sentence for those who point at it, and the page that has more. */
export function HelpMark({ code, sentence }: { readonly code: string; readonly sentence?: string | undefined }) {
  return (
    <Link
      to="/help/$code"
      params={{ code }}
      title={sentence}
      aria-label={`What ${code} means`}
      className="inline-flex size-4 shrink-0 items-center justify-center rounded-full border border-line text-[10px] leading-none text-soft hover:border-ink hover:text-ink"
    >
      ?
    </Link>
  );
}
