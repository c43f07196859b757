import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { Pencil, Trash2 } from 'lucide-react';
import { api, type Schedule, type Team } from '../../api/client';
import { forgetTeams, schedulesQuery, teamQuery } from '../../api/queries';
import { Page } from '../../app/shell';
import { BUTTON, BUTTON_LOOKS } from '../../parts/button';
import { ConfirmButton } from '../../parts/confirm-button';
import { HelpMark } from '../../parts/help-mark';
import { Empty, Panel, Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { ShortId } from '../../parts/short-id';
import { Instant } from '../../time/instant';
import { NETWORK_WORDS } from '@crewtab/words/policy-words';
import { AgentMark } from './agent-mark';
import { TryTeam } from './try-team';

/** One team: its agents, what they reach, and which schedules use it. */
export function TeamPage() {
  const { teamId } = useParams({ from: '/teams/$teamId' });
  const { data: team, error, refetch } = useQuery(teamQuery(teamId));
  if (!team)
    return (
      <Page title="Team" crumbs={<TeamsCrumb />}>
        {error ? (
          <div className="p-6">
            <ProblemNote error={error} onRetry={() => void refetch()} />
          </div>
        ) : (
          <Waiting />
        )}
      </Page>
    );
  return <KnownTeam team={team} />;
}

export function TeamsCrumb() {
  return (
    <>
      <Link to="/teams" className="text-soft hover:text-ink">
        Teams
      </Link>
      <span className="text-soft" aria-hidden>
        /
      </span>
    </>
  );
}

function KnownTeam({ team }: { readonly team: Team }) {
  const { data } = useQuery(schedulesQuery);
  const uses = data?.items.filter(({ teamId }) => teamId === team.id) ?? [];
  return (
    <Page
      crumbs={<TeamsCrumb />}
      title={<bdi>{team.name}</bdi>}
      actions={
        <>
          <Link to="/teams/$teamId/edit" params={{ teamId: team.id }} className={`${BUTTON} ${BUTTON_LOOKS.plain}`}>
            <Pencil className="size-4" aria-hidden /> Edit
          </Link>
          <DeleteTeam team={team} uses={uses} />
        </>
      }
    >
      <div className="grid gap-4 p-4 rail:p-6 wide:grid-cols-[minmax(0,2fr)_minmax(0,1fr)] wide:items-start">
        <div className="flex min-w-0 flex-col gap-4">
          {team.description !== null && <bdi className="text-soft">{team.description}</bdi>}
          {team.agents.map((agent) => (
            <AgentPanel key={agent.name} agent={agent} />
          ))}
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          <TryTeam team={team} />
          <Network network={team.network} />
          <Workspace workspace={team.workspace} />
          <Panel title="Used by" note={uses.length === 0 ? undefined : uses.length}>
            {data && uses.length === 0 && <Empty>No schedule uses this team.</Empty>}
            <ul>
              {uses.map((schedule) => (
                <li key={schedule.id} className="border-b border-line last:border-b-0">
                  <Link
                    to="/schedules/$scheduleId"
                    params={{ scheduleId: schedule.id }}
                    data-row=""
                    className="flex items-center justify-between gap-3 px-4 py-2 hover:bg-hover"
                  >
                    <bdi className="truncate">{schedule.name}</bdi>
                    <span className="shrink-0 text-soft">
                      {schedule.nextRunAt === null ? (
                        'paused'
                      ) : (
                        <Instant at={schedule.nextRunAt} zone={schedule.timezone} />
                      )}
                    </span>
                  </Link>
                </li>
              ))}
            </ul>
          </Panel>
          <p className="px-1 text-xs text-soft">
            made <Instant at={team.createdAt} />, changed <Instant at={team.updatedAt} /> <ShortId id={team.id} />
          </p>
        </div>
      </div>
    </Page>
  );
}

function AgentPanel({ agent }: { readonly agent: Team['agents'][number] }) {
  const { resources = {}, env = {}, secrets = {}, mcpServers = [] } = agent;
  const servers = mcpServers.map(
    ({ name, command, args = [], url }) => `${name}: ${url ?? [command, ...args].join(' ')}`,
  );
  const limits = [
    ...(resources.cpus === undefined ? [] : [`${resources.cpus} CPU`]),
    ...(resources.memory === undefined ? [] : [resources.memory]),
    ...(resources.pids === undefined ? [] : [`${resources.pids} processes`]),
  ];
  const rows: readonly (readonly [string, React.ReactNode])[] = [
    ['Preset', agent.preset],
    ['Model', agent.model && <Code text={agent.model} />],
    ['Protocol', agent.protocol],
    ['Image', agent.image && <Code text={agent.image} />],
    ['Command', agent.command && <Code text={agent.command.join(' ')} />],
    ['Mode', agent.mode],
    ['Permissions', describePermissions(agent.permissions)],
    ['Log-in', agent.authMethod],
    ['Handshake', agent.handshakeTimeout && `within ${agent.handshakeTimeout}`],
    ['Silent', agent.idleTimeout && `for at most ${agent.idleTimeout}`],
    ['Limits', limits.length === 0 ? undefined : limits.join(' · ')],
    [
      'Secrets',
      Object.keys(secrets).length > 0 && (
        <Code
          text={Object.entries(secrets)
            .map(([name, secret]) => `${name} = ${secret}`)
            .join('  ')}
        />
      ),
    ],
    ['Variables', Object.keys(env).length > 0 && <Code text={Object.keys(env).join('  ')} />],
    ['MCP servers', servers.length > 0 && <Code text={servers.join('\n')} />],
  ];
  return (
    <section className="min-w-0 rounded-md border border-line bg-surface">
      <h2 className="flex items-center gap-2 border-b border-line px-4 py-2.5 font-semibold">
        <AgentMark agent={agent} />
        <span className="font-normal text-soft">{agent.role}</span>
      </h2>
      <dl className="grid grid-cols-[96px_1fr] gap-y-1.5 px-4 py-3">
        {rows.map(([name, value]) =>
          value ? (
            <div key={name} className="contents">
              <dt className="text-soft">{name}</dt>
              <dd className="min-w-0">{value}</dd>
            </div>
          ) : null,
        )}
      </dl>
      {agent.instructions !== undefined && (
        <pre
          dir="auto"
          tabIndex={0}
          aria-label={`Instructions of ${agent.name}`}
          className="max-h-48 overflow-auto border-t border-line px-4 py-3 font-sans whitespace-pre-wrap [overflow-wrap:anywhere]"
        >
          {agent.instructions}
        </pre>
      )}
    </section>
  );
}

function describePermissions(permissions: Team['agents'][number]['permissions']): React.ReactNode {
  if (typeof permissions !== 'object') return permissions;
  const lines = permissions.rules.map(({ allow, ...conditions }) => {
    const words = Object.entries(conditions).map(([field, value]) => `${field} ${value}`);
    return `${allow ? 'allow' : 'deny'} ${words.length === 0 ? 'everything' : words.join(', ')}`;
  });
  return <Code text={[...lines, `otherwise ${permissions.default}`].join('\n')} />;
}

function Code({ text }: { readonly text: string }) {
  return <code className="font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]">{text}</code>;
}

function Network({ network: { mode, hosts } }: { readonly network: Team['network'] }) {
  return (
    <Panel title="Network" note={<HelpMark code={`network-${mode}`} sentence={NETWORK_WORDS[mode]} />}>
      <div className="px-4 py-3">
        <p>
          <span className="font-medium">{mode}</span> <span className="text-soft">{NETWORK_WORDS[mode]}</span>
        </p>
        {mode === 'allowlist' && hosts.length === 0 && <p className="mt-2 text-soft">No host is listed.</p>}
        <ul className="mt-2 flex flex-col gap-0.5">
          {hosts.map((host) => (
            <li key={host}>
              <Code text={host} />
            </li>
          ))}
        </ul>
      </div>
    </Panel>
  );
}

/** What each run finds in its folder; nothing is said of an empty one. */
function Workspace({ workspace }: { readonly workspace: Team['workspace'] }) {
  if (workspace === null) return null;
  const { git, files = {}, persist = false } = workspace;
  const shape = git && [
    git.ref,
    git.depth && `${git.depth} commits`,
    git.secret && `with ${git.secret}`,
    git.push && `pushed to ${git.push.branch}`,
    git.diff && 'changes kept as diff.patch',
  ];
  return (
    <Panel title="Workspace" note={persist ? 'kept from run to run' : 'of each run'}>
      <div className="flex flex-col gap-3 px-4 py-3">
        {git && (
          <p>
            <Code text={git.url} />
            <span className="block text-soft">{shape?.filter(Boolean).join(' · ')}</span>
          </p>
        )}
        <ul className="flex flex-col gap-1">
          {Object.entries(files).map(([path, text]) => (
            <li key={path}>
              <details>
                <summary className="cursor-pointer">
                  <Code text={path} />
                </summary>
                <pre
                  dir="auto"
                  tabIndex={0}
                  className="mt-1 max-h-48 overflow-auto rounded-sm bg-ground p-2 font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]"
                >
                  {text}
                </pre>
              </details>
            </li>
          ))}
        </ul>
      </div>
    </Panel>
  );
}

function DeleteTeam({ team, uses }: { readonly team: Team; readonly uses: readonly Schedule[] }) {
  const navigate = useNavigate();
  const act = async (): Promise<void> => {
    await api.request('DELETE /teams/:id', { params: { id: team.id } });
    await navigate({ to: '/teams' });
    await forgetTeams();
  };
  const names = uses.slice(0, 3).map(({ name }) => `“${name}”`);
  const words =
    uses.length === 0
      ? 'Its past runs stay readable. This cannot be undone.'
      : `The server will refuse it: ${names.join(', ')}${uses.length > 3 ? ` and ${uses.length - 3} more` : ''} ${uses.length === 1 ? 'uses' : 'use'} this team. Delete those schedules or give them another team first.`;
  return (
    <ConfirmButton
      act={act}
      title={`Delete ${team.name}?`}
      words={words}
      confirm="Delete the team"
      icon={<Trash2 className="size-4" aria-hidden />}
    >
      Delete
    </ConfirmButton>
  );
}
