import { useEffect, useState } from 'react';
import type { Run } from '../../api/client';
import { nameInText, stripTerminalCodes } from '../../words/clean-terminal-text';

/**
 * *Tell me when it ends*: a notification of the browser, once, for a run that goes on. Null where the browser has none or a
 * person has refused them.
 */
export function useEndNotice(run: Run, name: string): { readonly isOn: boolean; readonly toggle: () => void } | null {
  const [isOn, setOn] = useState(false);
  const isOver = run.phase === 'finished';
  useEffect(() => {
    if (!isOn || !isOver) return;
    setOn(false);
    const body = nameInText(stripTerminalCodes(run.error?.message ?? run.result ?? '').slice(0, 200));
    const notification = new Notification(`${nameInText(name)}: ${run.status}`, { body, tag: run.id });
    notification.addEventListener('click', () => window.focus());
  }, [isOn, isOver, name, run]);
  if (isOver || !('Notification' in window) || Notification.permission === 'denied') return null;
  const toggle = (): void => {
    if (isOn) return setOn(false);
    void Notification.requestPermission().then((permission) => setOn(permission === 'granted'));
  };
  return { isOn, toggle };
}
