import type { Used } from '../api/client';
import { costOf, tokensOf } from './format-usage';

const AT_LEAST = 'At least so much: an agent of the run, or a turn, has not reported it.';

/** What a run cost, or the tokens where that is all that is known; nothing where nothing is. */
export function UsageNote({ used }: { readonly used: Used | null }) {
  const [cost, tokens] = [costOf(used), tokensOf(used)];
  const known = cost ?? tokens;
  if (known === null || used === null) return null;
  const title = [tokens, used.incomplete.length > 0 ? AT_LEAST : null].filter((part) => part !== null).join('. ');
  return (
    <span title={title} className={cost === null ? 'text-soft' : ''}>
      {known}
    </span>
  );
}

/** Both in words: `1.2 M tokens in, 34 K out · $0.84`. */
export function UsageWords({ used }: { readonly used: Used | null }) {
  const [cost, tokens] = [costOf(used), tokensOf(used)];
  if (cost === null && tokens === null) return <span className="text-soft">not reported</span>;
  return (
    <span title={used?.incomplete.length ? AT_LEAST : undefined}>
      {tokens ?? 'tokens unknown'} · {cost ?? 'cost unknown'}
    </span>
  );
}
