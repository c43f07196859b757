import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Plus } from 'lucide-react';
import type { Team } from '../../api/client';
import { schedulesQuery, teamsQuery } from '../../api/queries';
import { Page } from '../../app/shell';
import { BUTTON, BUTTON_LOOKS } from '../../parts/button';
import { Empty, Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { AgentMark } from './agent-mark';
import { TeamTabs } from './team-tabs';

/** All teams, with their agents and what uses them. */
export function TeamsPage() {
  const { data, error, refetch } = useQuery(teamsQuery);
  const schedules = useQuery(schedulesQuery).data?.items;
  return (
    <Page
      title="Teams"
      actions={
        <Link to="/teams/new" className={`${BUTTON} ${BUTTON_LOOKS.plain}`}>
          <Plus className="size-4" aria-hidden /> New team
        </Link>
      }
    >
      <TeamTabs />
      {error && (
        <div className="p-4 rail:p-6">
          <ProblemNote error={error} onRetry={() => void refetch()} />
        </div>
      )}
      {!data && !error && <Waiting />}
      {data?.items.length === 0 && (
        <Empty>
          A team is one agent that leads, and others that it can give tasks to.{' '}
          <Link to="/teams/new" className="underline">
            Make the first one
          </Link>
          .
        </Empty>
      )}
      <ul>
        {data?.items.map((team) => (
          <li key={team.id} className="border-b border-line">
            <TeamRow team={team} uses={schedules?.filter(({ teamId }) => teamId === team.id).length} />
          </li>
        ))}
      </ul>
      {data?.hasMore === true && <p className="px-4 py-3 text-soft rail:px-6">Only the newest 500 are shown.</p>}
    </Page>
  );
}

function TeamRow({ team, uses }: { readonly team: Team; readonly uses: number | undefined }) {
  return (
    <Link
      to="/teams/$teamId"
      params={{ teamId: team.id }}
      data-row=""
      className="grid grid-cols-[1fr_auto] items-center gap-x-6 gap-y-1 px-4 py-3 hover:bg-hover focus-visible:-outline-offset-2 rail:px-6 wide:grid-cols-[minmax(0,4fr)_minmax(0,4fr)_minmax(0,2fr)_112px]"
    >
      <span className="min-w-0">
        <bdi className="block truncate font-medium">{team.name}</bdi>
        <bdi className="block truncate text-soft">{team.description}</bdi>
      </span>
      <span className="flex min-w-0 flex-wrap gap-x-3 gap-y-1 max-wide:order-last max-wide:col-span-2">
        {team.agents.slice(0, 6).map((agent) => (
          <AgentMark key={agent.name} agent={agent} />
        ))}
        {team.agents.length > 6 && <span className="text-soft">and {team.agents.length - 6} more</span>}
      </span>
      <span className="truncate text-soft max-wide:hidden">{describeNetwork(team.network)}</span>
      <span className="text-right text-soft">
        {uses === undefined ? '…' : uses === 0 ? 'not used' : uses === 1 ? '1 schedule' : `${uses} schedules`}
      </span>
    </Link>
  );
}

export function describeNetwork({ mode, hosts }: Team['network']): string {
  if (mode === 'none') return 'no network';
  if (mode === 'open') return 'open network';
  return hosts.length === 0 ? 'no hosts listed' : hosts.length === 1 ? '1 host' : `${hosts.length} hosts`;
}
