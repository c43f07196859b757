import { Dialog } from '@base-ui/react/dialog';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { Button } from '../parts/button';
import { singleKeys } from './theme';

/** The second key after `g`. */
const PLACES = {
  n: '/',
  r: '/runs',
  s: '/schedules',
  c: '/calendar',
  t: '/teams',
  u: '/usage',
  y: '/system',
  ',': '/settings',
} as const;
/** How long `g` waits for it, ms. */
const SEQUENCE_MS = 1_200;

const HELP = [
  ['Ctrl K, ⌘K', 'search, and every action'],
  ['g n', 'Now'],
  ['g r', 'Runs'],
  ['g s', 'Schedules'],
  ['g c', 'Calendar'],
  ['g t', 'Teams'],
  ['g u', 'Usage'],
  ['g y', 'System'],
  ['g ,', 'Settings'],
  ['j, k', 'the next row of a list, the one before'],
  ['Enter', 'open the row'],
  ['[, ]', "a run's neighbours: the run before, the run after"],
  ['?', 'this list'],
] as const;

/** The keys that work everywhere, and the list of them that `?` opens. */
export function Shortcuts() {
  const navigate = useNavigate();
  const [isHelpOpen, setHelpOpen] = useState(false);
  useEffect(() => {
    let goSince = 0;
    const onKey = (event: KeyboardEvent): void => {
      if (!isSingleKey(event)) return;
      const isSecond = event.timeStamp - goSince < SEQUENCE_MS;
      goSince = 0;
      if (isSecond && event.key in PLACES) void navigate({ to: PLACES[event.key as keyof typeof PLACES] });
      else if (event.key === 'g') goSince = event.timeStamp;
      else if (event.key === 'j' || event.key === 'k') moveInList(event.key === 'j' ? 1 : -1);
      else if (event.key === '?') setHelpOpen(true);
      else return;
      event.preventDefault();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [navigate]);
  return (
    <Dialog.Root open={isHelpOpen} onOpenChange={setHelpOpen}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 bg-[#000]/40" />
        <Dialog.Popup className="fixed top-1/4 left-1/2 w-[min(400px,calc(100vw-32px))] -translate-x-1/2 rounded-md border border-line bg-surface p-5 shadow-overlay">
          <Dialog.Title className="text-base font-semibold">Keys</Dialog.Title>
          <dl className="mt-3 grid grid-cols-[96px_1fr] gap-y-2">
            {HELP.map(([keys, what]) => (
              <div key={keys} className="contents">
                <dt className="font-mono text-xs leading-5">{keys}</dt>
                <dd className="text-soft">{what}</dd>
              </div>
            ))}
          </dl>
          <div className="mt-4 flex justify-end">
            <Dialog.Close render={<Button />}>Close</Dialog.Close>
          </div>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

/** A key that stands for itself, while such keys are on and no letter is meant by it. */
export function isSingleKey({ ctrlKey, metaKey, altKey, target }: KeyboardEvent): boolean {
  return !ctrlKey && !metaKey && !altKey && singleKeys.get() === 'on' && !isTyping(target);
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

/** Rows of lists are links that say so. */
function moveInList(step: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')];
  const at = rows.indexOf(document.activeElement as HTMLElement);
  const next = at === -1 ? (step === 1 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step));
  rows[next]?.focus();
}
