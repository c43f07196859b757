import { Dialog } from '@base-ui/react/dialog';
import { useMutation } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Check } from 'lucide-react';
import { useState } from 'react';
import { api, type Overview, type OverviewRun } from '../../api/client';
import { queryClient } from '../../api/queries';
import { Button } from '../../parts/button';
import { Field, INPUT } from '../../parts/field';
import { Empty, Panel } from '../../parts/panel';
import { describeProblem } from '../../parts/problem-note';
import { StatusShape } from '../../status/status-shape';
import { Instant } from '../../time/instant';
import { overviewQuery } from './overview';

/** What a person should look at: it leaves when the schedule succeeds again, or somebody says that they have seen it. */
export function NeedsYou({ overview: { needsPerson, faults } }: { readonly overview: Overview }) {
  const count = needsPerson.length + faults.length;
  return (
    <Panel className="order-1" title="Needs you" note={count === 0 ? undefined : count}>
      {count === 0 && <Empty>Nothing. Whatever failed has succeeded since, or was seen.</Empty>}
      <ul>
        {faults.map(({ scheduleId, scheduleName, message, since }) => (
          <li key={scheduleId} className="flex items-center gap-3 border-b border-line px-4 py-2 last:border-b-0">
            <StatusShape status="failed" />
            <span className="min-w-0 flex-1">
              <Link
                to="/schedules/$scheduleId"
                params={{ scheduleId }}
                data-row=""
                className="font-medium hover:underline"
              >
                <bdi>{scheduleName}</bdi>
              </Link>{' '}
              <span className="text-soft">
                cannot fire since <Instant at={since} />: {message}
              </span>
            </span>
          </li>
        ))}
        {needsPerson.map((run) => (
          <li key={run.id} className="flex items-center border-b border-line pr-2 last:border-b-0 hover:bg-hover">
            <Link
              to="/runs/$runId"
              params={{ runId: run.id }}
              data-row=""
              className="grid min-w-0 flex-1 grid-cols-[16px_1fr_auto] items-center gap-x-3 py-2 pl-4 focus-visible:-outline-offset-2"
            >
              <StatusShape status={run.status} />
              <bdi className="truncate font-medium">{run.name}</bdi>
              <span className="text-soft">
                <Instant at={run.scheduledFor} />
              </span>
              <bdi className="col-span-2 col-start-2 truncate text-soft">
                {run.error && `${run.error.code}: ${run.error.message}`}
              </bdi>
            </Link>
            <Acknowledge run={run} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Acknowledge({ run }: { readonly run: OverviewRun }) {
  const [isOpen, setOpen] = useState(false);
  const [note, setNote] = useState('');
  const { mutate, isPending, error, reset } = useMutation({
    mutationFn: () =>
      api.request('PUT /runs/:id/acknowledgement', {
        params: { id: run.id },
        body: note.trim() === '' ? {} : { note: note.trim() },
      }),
    onSuccess: async () => {
      setOpen(false);
      await queryClient.invalidateQueries({ queryKey: overviewQuery.queryKey });
    },
  });
  return (
    <Dialog.Root
      open={isOpen}
      onOpenChange={(open) => {
        setOpen(open);
        reset();
      }}
    >
      <Dialog.Trigger render={<Button look="bare" aria-label={`I have seen ${run.name}`} title="I have seen it" />}>
        <Check className="size-4" aria-hidden />
      </Dialog.Trigger>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 bg-[#000]/40" />
        <Dialog.Popup className="fixed top-1/4 left-1/2 w-[min(440px,calc(100vw-32px))] -translate-x-1/2 rounded-md border border-line bg-surface p-5 shadow-overlay">
          <Dialog.Title className="text-base font-semibold">Seen?</Dialog.Title>
          <Dialog.Description className="mt-2 text-soft">
            <bdi>{run.name}</bdi> needs nobody any more, until it ends badly again. Who has seen it, and when, is kept.
          </Dialog.Description>
          <form
            className="mt-4"
            onSubmit={(event) => {
              event.preventDefault();
              mutate();
            }}
          >
            <Field label="Note" hint="May be empty.">
              {(control) => (
                <input
                  {...control}
                  className={INPUT}
                  value={note}
                  maxLength={1_000}
                  onChange={({ target }) => setNote(target.value)}
                />
              )}
            </Field>
            {error && (
              <p role="alert" className="mt-3 text-failed">
                {describeProblem(error)}
              </p>
            )}
            <div className="mt-4 flex justify-end gap-2">
              <Dialog.Close render={<Button />}>Leave it</Dialog.Close>
              <Button look="primary" type="submit" disabled={isPending}>
                I have seen it
              </Button>
            </div>
          </form>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
