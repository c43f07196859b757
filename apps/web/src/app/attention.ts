import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { overviewQuery } from '../pages/now/overview';

/** The shapes as far as fonts have them. */
const MARKS: Readonly<Record<string, string>> = { failed: '■', timeout: '◆', missed: '◇' };

/** What the title of a page begins with while something needs a person; the icon follows it. */
export function useAttention(): string | null {
  const { data } = useQuery(overviewQuery);
  const runs = data?.needsPerson ?? [];
  const count = runs.length + (data?.faults.length ?? 0);
  const isNeeded = count > 0;
  useEffect(() => {
    const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
    if (icon) icon.href = isNeeded ? '/favicon-attention.svg' : '/favicon.svg';
  }, [isNeeded]);
  const [newest] = runs;
  if (count === 1 && newest) return `${MARKS[newest.status] ?? '■'} ${newest.name} ${newest.status}`;
  return count === 0 ? null : `■ ${count} need you`;
}
