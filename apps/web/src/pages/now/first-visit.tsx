import { useMutation, useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { Check, CircleDashed, TriangleAlert, Zap } from 'lucide-react';
import { useState } from 'react';
import type { Overview } from '../../api/client';
import { configQuery, queryClient } from '../../api/queries';
import { Button, BUTTON, BUTTON_LOOKS } from '../../parts/button';
import { Field, INPUT } from '../../parts/field';
import { describeProblem } from '../../parts/problem-note';
import { makeDemo } from './make-demo';

/** As images/demo-agent/README.md builds it. */
const DEMO_IMAGE = 'crewtab/demo-agent:latest';

/** What an empty installation shows: whether it can run anything, and the way to a first success. */
export function FirstVisit({ overview: { health } }: { readonly overview: Overview }) {
  const { data: config } = useQuery(configQuery);
  const { data: readiness } = useQuery(readinessQuery);
  const isIsolated = config?.runtimeCapabilities.isIsolated;
  return (
    <div className="mx-auto flex max-w-3xl flex-col gap-4 p-4 rail:p-6">
      <section className="rounded-md border border-line bg-surface px-5 py-4">
        <h2 className="text-lg font-semibold">Nothing is scheduled yet</h2>
        <p className="mt-1 text-soft">
          A schedule deploys a team of agents at its time, gives them a prompt, records what they say, and removes
          everything. Three clicks lead to a first run.
        </p>
        <ul className="mt-4 flex flex-col gap-2">
          <Finding
            state={readiness === undefined ? 'unknown' : readiness === null ? 'well' : 'bad'}
            name="Postgres and Redis"
            words={readiness === undefined ? 'being asked …' : (readiness ?? 'answer')}
          />
          <Finding
            state={health.liveWorkers > 0 ? 'well' : 'bad'}
            name="Workers"
            words={
              health.liveWorkers > 0
                ? `${health.liveWorkers} there, for ${health.capacity} runs at a time`
                : 'none is there: start one (npm start brings one), runs wait until then'
            }
          />
          <Finding
            state={isIsolated === undefined ? 'unknown' : isIsolated ? 'well' : 'bad'}
            name="Isolation"
            words={
              isIsolated === undefined
                ? 'being asked …'
                : isIsolated
                  ? 'each agent gets a container of its own'
                  : 'none: agents are processes of the worker’s machine, and can read and change what it can. Use Docker for agents that you do not trust'
            }
          />
        </ul>
      </section>
      {isIsolated === true && <Demo />}
      <section className="rounded-md border border-line bg-surface px-5 py-4">
        <h2 className="font-semibold">Agents of your own</h2>
        <ol className="mt-2 flex list-decimal flex-col gap-1 pl-5 text-soft">
          <li>Make a team: choose a program (or an image of your own), and give it the key of its model.</li>
          <li>Try it once with a prompt, and look at what it says.</li>
          <li>Give it a schedule.</li>
        </ol>
        <div className="mt-4 flex flex-wrap gap-2">
          <Link to="/teams/new" className={`${BUTTON} ${BUTTON_LOOKS.plain}`}>
            Make a team
          </Link>
          <Link to="/schedules/new" className={`${BUTTON} ${BUTTON_LOOKS.bare}`}>
            Make a schedule
          </Link>
        </div>
      </section>
    </div>
  );
}

const readinessQuery = {
  queryKey: ['readiness'],
  /** Null when all is well, words otherwise. */
  queryFn: async ({ signal }: { readonly signal: AbortSignal }): Promise<string | null> => {
    const response = await fetch('/readyz', { signal });
    if (response.ok) return null;
    const { checks = {} } = (await response.json()) as { checks?: Record<string, string> };
    return Object.entries(checks)
      .map(([name, words]) => `${name}: ${words}`)
      .join('; ');
  },
};

function Finding({
  state,
  name,
  words,
}: {
  readonly state: 'well' | 'bad' | 'unknown';
  readonly name: string;
  readonly words: string;
}) {
  const [Icon, color] = {
    well: [Check, 'text-success'] as const,
    bad: [TriangleAlert, 'text-timeout'] as const,
    unknown: [CircleDashed, 'text-idle'] as const,
  }[state];
  return (
    <li className="flex items-start gap-3">
      <Icon className={`mt-0.5 size-4 shrink-0 ${color}`} aria-hidden />
      <span>
        <span className="font-medium">{name}</span> <span className="text-soft">{words}</span>
      </span>
    </li>
  );
}

/** A team that needs no model and no key, its schedule, and its first run. */
function Demo() {
  const [image, setImage] = useState(DEMO_IMAGE);
  const navigate = useNavigate();
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => makeDemo(image.trim()),
    onSuccess: async ({ id }) => {
      await navigate({ to: '/runs/$runId', params: { runId: id } });
      await queryClient.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'caller' });
    },
  });
  return (
    <form
      className="rounded-md border border-line bg-surface px-5 py-4"
      onSubmit={(event) => {
        event.preventDefault();
        mutate();
      }}
    >
      <h2 className="font-semibold">See it work</h2>
      <p className="mt-1 text-soft">
        The demo team needs no model and no key: its lead writes a report on a sample repository, its analyst counts. It
        fires every weekday at nine, and once now.
      </p>
      <div className="mt-4 flex flex-wrap items-end gap-3">
        <Field
          label="Image of the demo agent"
          className="flex-1 basis-64"
          hint="Where it is not on the worker’s host yet: docker build -f images/demo-agent/Dockerfile -t crewtab/demo-agent ."
        >
          {(control) => (
            <input
              {...control}
              className={`${INPUT} font-mono text-xs leading-5`}
              value={image}
              spellCheck={false}
              onChange={({ target }) => setImage(target.value)}
            />
          )}
        </Field>
      </div>
      {error && (
        <p role="alert" className="mt-3 text-failed">
          {describeProblem(error)}
        </p>
      )}
      <Button look="primary" type="submit" className="mt-4" disabled={isPending || image.trim() === ''}>
        <Zap className="size-4" aria-hidden /> Make it, and run it now
      </Button>
    </form>
  );
}
