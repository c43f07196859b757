import { Crown } from 'lucide-react';
import type { Team } from '../../api/client';

/** An agent's name, with its initials and whether it leads. */
export function AgentMark({ agent: { name, role } }: { readonly agent: Team['agents'][number] }) {
  return (
    <span className="inline-flex max-w-full min-w-0 items-center gap-1.5">
      <span
        aria-hidden
        className="inline-flex size-5 shrink-0 items-center justify-center rounded border border-line bg-hover text-[10px] font-medium text-soft uppercase"
      >
        {name.slice(0, 2)}
      </span>
      <bdi className="truncate">{name}</bdi>
      {role === 'leader' && (
        <>
          <Crown className="size-3.5 shrink-0 text-soft" aria-hidden />
          <span className="sr-only">(leads)</span>
        </>
      )}
    </span>
  );
}
