import { Link } from '@tanstack/react-router';
import { useId, useRef } from 'react';

/** A `?` beside a word: its sentence on a press or on pointing at it, and the way to the page that has more. */
export function HelpMark({ code, sentence }: { readonly code: string; readonly sentence?: string | undefined }) {
  const id = useId();
  const mark = useRef<HTMLButtonElement>(null);
  const place = ({ currentTarget, newState }: React.ToggleEvent<HTMLElement>): void => {
    if (newState !== 'open' || !mark.current) return;
    const { left, bottom } = mark.current.getBoundingClientRect();
    const widest = document.documentElement.clientWidth - SPACE_PX;
    currentTarget.style.top = `${bottom + GAP_PX}px`;
    currentTarget.style.left = `${Math.max(SPACE_PX, Math.min(left, widest - NOTE_PX))}px`;
  };
  return (
    <>
      <button
        ref={mark}
        type="button"
        popoverTarget={id}
        title={sentence}
        aria-label={`What ${code} means`}
        className="inline-flex size-4 shrink-0 items-center justify-center rounded-full border border-line text-[10px] leading-none font-normal text-soft hover:border-ink hover:text-ink"
      >
        ?
      </button>
      <span
        id={id}
        popover="auto"
        onBeforeToggle={place}
        className="fixed m-0 w-70 rounded-md border border-line bg-surface px-3 py-2 text-sm font-normal text-ink shadow-overlay"
      >
        {sentence}{' '}
        <Link to="/help/$code" params={{ code }} className="whitespace-nowrap text-accent underline">
          More of {code}
        </Link>
      </span>
    </>
  );
}

const GAP_PX = 4;
const SPACE_PX = 12;
/** As wide as its class has it. */
const NOTE_PX = 280;
