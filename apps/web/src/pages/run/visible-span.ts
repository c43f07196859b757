import { useSyncExternalStore } from 'react';

/** Which part of the conversation is on the screen. Changes with every turn of the wheel, so it is no state of the page. */
export class VisibleSpan {
  private shown: { readonly from: number; readonly to: number } | null = null;
  private readonly listeners = new Set<() => void>();

  /** @param from ms since the epoch */
  show(from: number, to: number): void {
    if (this.shown?.from === from && this.shown.to === to) return;
    this.shown = { from, to };
    for (const listener of this.listeners) listener();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  readonly current = (): { readonly from: number; readonly to: number } | null => this.shown;
}

export function useVisibleSpan(span: VisibleSpan) {
  return useSyncExternalStore(span.subscribe, span.current);
}
