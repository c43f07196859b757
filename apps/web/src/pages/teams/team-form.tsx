import { ApiProblem } from '@crewtab/api-client/api-problem';
import { useMutation, useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import { api, type Team } from '../../api/client';
import { configQuery, forgetTeams } from '../../api/queries';
import { Button, BUTTON, BUTTON_LOOKS } from '../../parts/button';
import { Field, INPUT } from '../../parts/field';
import { Panel } from '../../parts/panel';
import { describeProblem } from '../../parts/problem-note';
import { NETWORK_WORDS } from '@crewtab/words/policy-words';
import { AgentFields } from './agent-fields';
import { bodyOf, editOf, newAgent, type AgentDraft, type TeamDraft } from './team-draft';
import { repeatedPaths } from './workspace-draft';
import { WorkspaceFields } from './workspace-fields';

/** What the API says is wrong, by the path of the field. */
export type FaultAt = (path: string) => string | undefined;

/** The fields of a team: of a new one, or of `team`. */
export function TeamForm({ team, initial }: { readonly team: Team | null; readonly initial: TeamDraft }) {
  const [draft, setDraft] = useState(initial);
  const navigate = useNavigate();
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => saveTeam(team, draft),
    onSuccess: async ({ id }) => {
      await forgetTeams();
      await navigate({ to: '/teams/$teamId', params: { teamId: id } });
    },
  });
  const faults = error instanceof ApiProblem ? error.errors : [];
  const faultAt: FaultAt = (path) => faults.find((fault) => fault.path === path)?.message;
  const set = (change: Partial<TeamDraft>): void => setDraft({ ...draft, ...change });
  const setAgent = (key: number, change: Partial<AgentDraft>): void =>
    set({ agents: draft.agents.map((agent) => (agent.key === key ? { ...agent, ...change } : agent)) });
  const isUntouched = team !== null && Object.keys(editOf(team, draft)).length === 0;
  return (
    <form
      noValidate
      className="mx-auto flex max-w-3xl flex-col gap-4 p-4 rail:p-6"
      onSubmit={(event) => {
        event.preventDefault();
        mutate();
      }}
    >
      <div className="flex flex-col gap-4 rounded-md border border-line bg-surface p-4">
        <Field label="Name" error={faultAt('name')}>
          {(control) => (
            <input
              {...control}
              className={INPUT}
              value={draft.name}
              onChange={({ target }) => set({ name: target.value })}
              autoFocus={team === null}
            />
          )}
        </Field>
        <Field label="Description" error={faultAt('description')}>
          {(control) => (
            <input
              {...control}
              className={INPUT}
              value={draft.description}
              onChange={({ target }) => set({ description: target.value })}
            />
          )}
        </Field>
      </div>
      <Network draft={draft} set={set} faultAt={faultAt} />
      <WorkspaceFields
        workspace={draft.workspace}
        faultAt={(path) => faultAt(`workspace${path}`)}
        set={(change) => set({ workspace: { ...draft.workspace, ...change } })}
      />
      {faultAt('agents') !== undefined && <p className="text-failed">The agents: {faultAt('agents')}</p>}
      {draft.agents.map((agent, at) => (
        <AgentFields
          key={agent.key}
          agent={agent}
          faultAt={(path) => faultAt(`agents.${at}.${path}`)}
          set={(change) => setAgent(agent.key, change)}
          {...(draft.agents.length > 1 && {
            onRemove: () => set({ agents: draft.agents.filter(({ key }) => key !== agent.key) }),
          })}
        />
      ))}
      <Button
        className="self-start"
        onClick={() => set({ agents: [...draft.agents, newAgent('worker', `agent-${draft.agents.length + 1}`)] })}
      >
        <Plus className="size-4" aria-hidden /> Add an agent
      </Button>
      {error && (
        <p role="alert" className="rounded-md bg-failed-soft px-3 py-2">
          {faults.length > 0
            ? `Nothing was saved: ${faults.length === 1 ? 'one field needs' : `${faults.length} fields need`} another value (${faults.map(({ path, message }) => `${path} ${message}`).join('; ')}).`
            : describeProblem(error)}
        </p>
      )}
      <div className="flex items-center gap-2">
        <Button
          look="primary"
          type="submit"
          disabled={isPending || isUntouched || repeatedPaths(draft.workspace).size > 0}
        >
          {team ? 'Save' : 'Make the team'}
        </Button>
        {team ? (
          <Link to="/teams/$teamId" params={{ teamId: team.id }} className={`${BUTTON} ${BUTTON_LOOKS.bare}`}>
            Leave it
          </Link>
        ) : (
          <Link to="/teams" className={`${BUTTON} ${BUTTON_LOOKS.bare}`}>
            Leave it
          </Link>
        )}
        {isUntouched && <span className="text-soft">Nothing is changed yet.</span>}
      </div>
    </form>
  );
}

function saveTeam(team: Team | null, draft: TeamDraft): Promise<Team> {
  if (!team) return api.request('POST /teams', { body: bodyOf(draft), idempotencyKey: crypto.randomUUID() });
  return api.request('PATCH /teams/:id', { params: { id: team.id }, body: editOf(team, draft) });
}

function Network({
  draft,
  set,
  faultAt,
}: {
  readonly draft: TeamDraft;
  readonly set: (change: Partial<TeamDraft>) => void;
  readonly faultAt: FaultAt;
}) {
  const { data: config } = useQuery(configQuery);
  // What the team has stays choosable, whatever new teams may have.
  const modes = [...new Set([...(config?.networks ?? []), draft.network])];
  const lines = draft.hosts.split('\n');
  const faults = lines.flatMap((host, at) => {
    const words = faultAt(`network.hosts.${at}`);
    return words === undefined ? [] : [`${host}: ${words}`];
  });
  return (
    <Panel title="Network" note="what its agents reach">
      <div className="flex flex-col gap-3 p-4">
        <fieldset className="flex flex-col gap-2">
          <legend className="sr-only">Network</legend>
          {modes.map((mode) => (
            <label key={mode} className="flex items-baseline gap-2">
              <input
                type="radio"
                name="network"
                checked={draft.network === mode}
                onChange={() => set({ network: mode })}
                className="accent-accent"
              />
              <span>
                <span className="font-medium">{mode}</span> <span className="text-soft">{NETWORK_WORDS[mode]}</span>
              </span>
            </label>
          ))}
        </fieldset>
        {faultAt('network.mode') !== undefined && <p className="text-xs text-failed">{faultAt('network.mode')}</p>}
        {draft.network === 'allowlist' && (
          <Field
            label="Hosts"
            hint="One a line: api.example.com, *.github.com, registry.example.org:5000, or * for every public host."
            error={faults.length > 0 ? faults.join(' · ') : faultAt('network.hosts')}
          >
            {(control) => (
              <textarea
                {...control}
                rows={Math.min(10, Math.max(3, lines.length + 1))}
                className={`${INPUT} font-mono text-xs`}
                spellCheck={false}
                value={draft.hosts}
                onChange={({ target }) => set({ hosts: target.value })}
              />
            )}
          </Field>
        )}
      </div>
    </Panel>
  );
}
