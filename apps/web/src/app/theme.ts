import { useSyncExternalStore } from 'react';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const KEY = 'crewtab.theme';
const dark = window.matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();

function readTheme(): Theme {
  const kept = localStorage.getItem(KEY);
  return THEMES.find((theme) => theme === kept) ?? 'system';
}

let theme = readTheme();

export function applyTheme(): void {
  const isDark = theme === 'dark' || (theme === 'system' && dark.matches);
  document.documentElement.dataset['theme'] = isDark ? 'dark' : 'light';
}

export function setTheme(next: Theme): void {
  theme = next;
  localStorage.setItem(KEY, next);
  applyTheme();
  for (const listener of listeners) listener();
}

export function useTheme(): Theme {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => theme,
  );
}

dark.addEventListener('change', applyTheme);

/** A choice that this browser keeps, beside the theme. */
interface KeptChoice<T extends string> {
  readonly options: readonly T[];
  readonly get: () => T;
  readonly set: (next: T) => void;
}

/** @param options the first is taken where nothing else was chosen */
function keptChoice<T extends string>(
  key: string,
  options: readonly [T, ...T[]],
  apply: (chosen: T) => void,
): KeptChoice<T> {
  const read = (): T => {
    const kept = localStorage.getItem(key);
    return options.find((one) => one === kept) ?? options[0];
  };
  let chosen = read();
  apply(chosen);
  return {
    options,
    get: () => chosen,
    set: (next) => {
      chosen = next;
      localStorage.setItem(key, next);
      apply(next);
      for (const listener of listeners) listener();
    },
  };
}

/** How much space there is between what the pages show; styles.css has what it means. */
export const density = keptChoice('crewtab.density', ['comfortable', 'compact'], (chosen) => {
  document.documentElement.dataset['density'] = chosen;
});

/** Whether single keys do something. Ctrl K, which no text field takes, always does. */
export const singleKeys = keptChoice('crewtab.keys', ['on', 'off'], () => undefined);

export function useKeptChoice<T extends string>({ get }: KeptChoice<T>): T {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, get);
}
