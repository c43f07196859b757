import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { ChevronLeft, ChevronRight } from 'lucide-react';
import { useEffect } from 'react';
import type { AnswerOf, Routes } from '@crewtab/api-client/route-types';
import { neighboursQuery } from '../../api/queries';
import { isSingleKey } from '../../app/shortcuts';
import { StatusShape } from '../../status/status-shape';
import { formatInstant } from '../../time/format-time';

type Neighbour = AnswerOf<Routes['GET /runs/:id/neighbours']>['previous'];

/** The runs of the schedule before and after this one; `p` or `[` and `n` or `]` go there. */
export function RunNeighbours({ runId }: { readonly runId: string }) {
  const { data } = useQuery(neighboursQuery(runId));
  const navigate = useNavigate();
  const previous = data?.previous?.id;
  const next = data?.next?.id;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (!isSingleKey(event)) return;
      const to = { p: previous, '[': previous, n: next, ']': next }[event.key];
      if (to !== undefined) void navigate({ to: '/runs/$runId', params: { runId: to } });
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [navigate, previous, next]);
  return (
    <span className="inline-flex items-center max-rail:hidden">
      <Side neighbour={data?.previous ?? null} name="The run before" Icon={ChevronLeft} />
      <Side neighbour={data?.next ?? null} name="The run after" Icon={ChevronRight} />
    </span>
  );
}

function Side({
  neighbour,
  name,
  Icon,
}: {
  readonly neighbour: Neighbour;
  readonly name: string;
  readonly Icon: typeof ChevronLeft;
}) {
  if (!neighbour) return null;
  return (
    <Link
      to="/runs/$runId"
      params={{ runId: neighbour.id }}
      aria-label={`${name}: ${neighbour.status}`}
      title={`${name}: ${neighbour.status}, ${formatInstant(new Date(neighbour.scheduledFor))}`}
      className="inline-flex h-7 items-center rounded-md px-1 text-soft hover:bg-hover hover:text-ink"
    >
      {Icon === ChevronLeft && <Icon className="size-4" aria-hidden />}
      <StatusShape status={neighbour.status} />
      {Icon === ChevronRight && <Icon className="size-4" aria-hidden />}
    </Link>
  );
}
