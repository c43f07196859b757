import { Search } from 'lucide-react';
import { lazy, Suspense, useEffect, useState, useSyncExternalStore } from 'react';

const Palette = lazy(async () => ({ default: (await import('./palette')).Palette }));

const listeners = new Set<() => void>();
let isOpen = false;

function setOpen(next: boolean): void {
  isOpen = next;
  for (const listener of listeners) listener();
}

/** Once in the shell: opens at ⌘K or Ctrl K, also from within a field. */
export function PaletteHost() {
  const isShown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => isOpen,
  );
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() !== 'k' || !(event.metaKey || event.ctrlKey) || event.altKey || event.shiftKey)
        return;
      event.preventDefault();
      setOpen(!isOpen);
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
  if (!isShown) return null;
  return (
    <Suspense fallback={null}>
      <Palette onClose={() => setOpen(false)} />
    </Suspense>
  );
}

/** At the top of every page, for who does not know the keys yet. */
export function PaletteButton() {
  const [keys] = useState(() => (/Mac|iPhone|iPad/.test(navigator.userAgent) ? '⌘K' : 'Ctrl K'));
  return (
    <button
      type="button"
      onClick={() => setOpen(true)}
      title={`Search and commands (${keys})`}
      className="inline-flex h-8 items-center gap-2 rounded-md px-2 text-soft hover:bg-hover hover:text-ink"
    >
      <Search className="size-4" aria-hidden />
      <span className="sr-only">Search</span>
      <kbd className="font-mono text-xs max-wide:hidden" aria-hidden>
        {keys}
      </kbd>
    </button>
  );
}
