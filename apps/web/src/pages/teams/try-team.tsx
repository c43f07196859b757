import { ApiProblem } from '@crewtab/api-client/api-problem';
import { useMutation } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { Zap } from 'lucide-react';
import { useState } from 'react';
import { api, type Team } from '../../api/client';
import { Button } from '../../parts/button';
import { Field, INPUT } from '../../parts/field';
import { Panel } from '../../parts/panel';
import { describeProblem } from '../../parts/problem-note';

/** One run of the team with a prompt, without a schedule. */
export function TryTeam({ team }: { readonly team: Team }) {
  const [prompt, setPrompt] = useState('');
  const navigate = useNavigate();
  const { mutate, isPending, error } = useMutation({
    mutationFn: () =>
      api.request('POST /teams/:id/try', {
        params: { id: team.id },
        body: { prompt },
        idempotencyKey: crypto.randomUUID(),
      }),
    onSuccess: ({ id }) => navigate({ to: '/runs/$runId', params: { runId: id } }),
  });
  const fault = error instanceof ApiProblem ? error.errors.find(({ path }) => path === 'prompt') : undefined;
  return (
    <Panel title="Try it" note="one run, without a schedule">
      <form
        className="flex flex-col items-start gap-3 p-4"
        onSubmit={(event) => {
          event.preventDefault();
          mutate();
        }}
      >
        <Field label="Prompt" className="w-full" error={fault?.message ?? (error ? describeProblem(error) : undefined)}>
          {(control) => (
            <textarea
              {...control}
              rows={4}
              className={INPUT}
              placeholder="Say hello, and which tools you have."
              value={prompt}
              onChange={({ target }) => setPrompt(target.value)}
            />
          )}
        </Field>
        <Button type="submit" look="primary" disabled={isPending || prompt.trim() === ''}>
          <Zap className="size-4" aria-hidden /> Try
        </Button>
      </form>
    </Panel>
  );
}
