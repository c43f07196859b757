import { Link } from '@tanstack/react-router';
import { Check } from 'lucide-react';
import { api, type Overview, type OverviewRun } from '../../api/client';
import { queryClient } from '../../api/queries';
import { Button } from '../../parts/button';
import { Field, INPUT } from '../../parts/field';
import { fieldText, FormDialog } from '../../parts/form-dialog';
import { Empty, Panel } from '../../parts/panel';
import { StatusShape } from '../../status/status-shape';
import { Instant } from '../../time/instant';
import { stripTerminalCodes } from '../../words/clean-terminal-text';
import { overviewQuery } from './overview';

/** What a person should look at: it leaves when the schedule succeeds again, or a person says that they have seen it. */
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
                {run.error && `${run.error.code}: ${stripTerminalCodes(run.error.message)}`}
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
  const acknowledge = async (fields: FormData): Promise<void> => {
    const note = fieldText(fields, 'note').trim();
    await api.request('PUT /runs/:id/acknowledgement', { params: { id: run.id }, body: note === '' ? {} : { note } });
    await queryClient.invalidateQueries({ queryKey: overviewQuery.queryKey });
  };
  return (
    <FormDialog
      trigger={
        <Button look="bare" aria-label={`I have seen ${run.name}`} title="I have seen it">
          <Check className="size-4" aria-hidden />
        </Button>
      }
      title="Seen?"
      words={
        <>
          <bdi>{run.name}</bdi> leaves this list, until it ends badly again. Who has seen it, and when, is kept.
        </>
      }
      confirm="I have seen it"
      act={acknowledge}
    >
      <Field label="Note" hint="May be empty.">
        {(control) => <input {...control} name="note" className={INPUT} maxLength={1_000} />}
      </Field>
    </FormDialog>
  );
}
