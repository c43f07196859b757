import { useQuery } from '@tanstack/react-query';
import { LogOut } from 'lucide-react';
import { api, type Session } from '../../api/client';
import { callerQuery, configQuery, queryClient, sessionsQuery, setCaller } from '../../api/queries';
import { Page } from '../../app/shell';
import { density, setTheme, singleKeys, THEMES, useKeptChoice, useTheme } from '../../app/theme';
import { ActionButton } from '../../parts/action-button';
import { ConfirmButton } from '../../parts/confirm-button';
import { Choice } from '../../parts/choice';
import { Panel, Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { Instant } from '../../time/instant';

/** How the pages look in this browser, and where this key is logged in. */
export function SettingsPage() {
  const { data: caller } = useQuery(callerQuery);
  const { data: config } = useQuery(configQuery);
  return (
    <Page title="Settings">
      <div className="mx-auto flex max-w-3xl flex-col gap-4 p-4 rail:p-6">
        <Appearance />
        <Sessions />
        <Panel title="This installation">
          <ul className="flex flex-col gap-1.5 px-4 py-3">
            {config && (
              <li>
                Crewtab {config.version}, runtime {config.runtime}
                {config.runtimeCapabilities.isIsolated ? '' : ' (agents are not isolated)'}
              </li>
            )}
            <Door href="/api/docs" name="REST API" words="try it in the browser" />
            {caller?.role === 'admin' && <Door href="/queues" name="Queues" words="what wakes the workers" />}
            <Door href="/metrics" name="Metrics" words="for Prometheus" />
            <Door href="/readyz" name="Readiness" words="Postgres, Redis, job schedulers" />
          </ul>
        </Panel>
      </div>
    </Page>
  );
}

function Door({ href, name, words }: { readonly href: string; readonly name: string; readonly words: string }) {
  return (
    <li>
      <a href={href} className="underline">
        {name}
      </a>{' '}
      <span className="text-soft">{words}</span>
    </li>
  );
}

function Appearance() {
  const theme = useTheme();
  const chosenDensity = useKeptChoice(density);
  const chosenKeys = useKeptChoice(singleKeys);
  return (
    <Panel title="Appearance and keys" note="of this browser">
      <div className="flex flex-col gap-3 px-4 py-3">
        <Choice
          look="radios"
          name="Theme"
          options={THEMES}
          words={{ system: 'as the system', light: 'light', dark: 'dark' }}
          value={theme}
          onChange={setTheme}
        />
        <Choice
          look="radios"
          name="Density"
          options={density.options}
          words={{ comfortable: 'comfortable', compact: 'compact' }}
          value={chosenDensity}
          onChange={density.set}
        />
        <Choice
          look="radios"
          name="Single keys"
          options={singleKeys.options}
          words={{ on: 'on: j, k, g n, ? and others', off: 'off; Ctrl K stays' }}
          value={chosenKeys}
          onChange={singleKeys.set}
        />
      </div>
    </Panel>
  );
}

function Sessions() {
  const { data, error, refetch } = useQuery(sessionsQuery);
  const { data: caller } = useQuery(callerQuery);
  const logOut = async (): Promise<void> => {
    await api.request('DELETE /session');
    setCaller(null);
  };
  const logOutEverywhere = async (): Promise<void> => {
    await api.request('DELETE /sessions');
    setCaller(null);
  };
  return (
    <Panel title="Sessions" note={`browsers that are logged in with this key (${caller?.role ?? '…'})`}>
      {error && (
        <div className="p-4">
          <ProblemNote error={error} onRetry={() => void refetch()} />
        </div>
      )}
      {!data && !error && <Waiting />}
      <ul>
        {data?.map((session) => (
          <SessionRow key={session.id} session={session} />
        ))}
      </ul>
      <div className="flex flex-wrap gap-2 px-4 py-3">
        <ActionButton act={logOut} icon={<LogOut className="size-4" aria-hidden />}>
          Log out
        </ActionButton>
        <ConfirmButton
          act={logOutEverywhere}
          title="Log out everywhere?"
          words="Every browser that is logged in with this key has to log in again, this one too."
          confirm="Log out everywhere"
        >
          Log out everywhere
        </ConfirmButton>
      </div>
    </Panel>
  );
}

function SessionRow({ session }: { readonly session: Session }) {
  const end = async (): Promise<void> => {
    await api.request('DELETE /sessions/:id', { params: { id: session.id } });
    await queryClient.invalidateQueries({ queryKey: sessionsQuery.queryKey });
  };
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-line px-4 py-2">
      <span title={session.client}>{describeClient(session.client)}</span>
      <span className="text-soft">
        since <Instant at={session.createdAt} />, used <Instant at={session.lastSeenAt} />, ends{' '}
        <Instant at={session.expiresAt} />
      </span>
      <span className="ml-auto">
        {session.isCurrent ? (
          <span className="text-soft">this one</span>
        ) : (
          <ActionButton look="bare" act={end}>
            End
          </ActionButton>
        )}
      </span>
    </li>
  );
}

/** `Firefox on Linux`, as far as a User-Agent tells. */
function describeClient(userAgent: string): string {
  const browser = ['Edg', 'Firefox', 'Chrome', 'Safari'].find((name) => userAgent.includes(`${name}/`));
  const system = ['Windows', 'Android', 'iPhone', 'Mac OS', 'Linux'].find((name) => userAgent.includes(name));
  if (!browser) return userAgent.slice(0, 40) || 'unknown browser';
  const names: Readonly<Record<string, string>> = { Edg: 'Edge', 'Mac OS': 'macOS' };
  return [names[browser] ?? browser, ...(system ? [names[system] ?? system] : [])].join(' on ');
}
