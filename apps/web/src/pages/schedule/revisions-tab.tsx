import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { History } from 'lucide-react';
import { api, type Revision, type Schedule } from '../../api/client';
import { queryClient, revisionsQuery, teamsQuery } from '../../api/queries';
import { ConfirmButton } from '../../parts/confirm-button';
import { MoreButton } from '../../parts/more-button';
import { Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { Instant } from '../../time/instant';
import { differencesOf, RESTORABLE } from './revision-differences';

const KIND_WORDS: Readonly<Record<Revision['kind'], string>> = {
  found: 'as it stood when revisions began to be kept',
  created: 'created',
  edited: 'edited',
  paused: 'paused',
  resumed: 'resumed',
};

/** Who did what to the schedule, and when; each can be made the present one again. */
export function RevisionsTab({ schedule }: { readonly schedule: Schedule }) {
  const query = useInfiniteQuery(revisionsQuery(schedule.id));
  const { data, error, refetch } = query;
  const revisions = data?.pages.flatMap(({ items }) => items) ?? [];
  return (
    <>
      {error && (
        <div className="p-4">
          <ProblemNote error={error} onRetry={() => void refetch()} />
        </div>
      )}
      {!data && !error && <Waiting />}
      <ol>
        {revisions.map((revision, index) => (
          <li key={revision.revision} className="border-b border-line px-4 py-2.5 rail:px-6">
            <RevisionRow revision={revision} before={revisions[index + 1]} schedule={schedule} />
          </li>
        ))}
      </ol>
      <MoreButton list={query}>Earlier revisions</MoreButton>
    </>
  );
}

function RevisionRow({
  revision,
  before,
  schedule,
}: {
  readonly revision: Revision;
  /** Undefined where it is not read yet. */
  readonly before: Revision | undefined;
  readonly schedule: Schedule;
}) {
  const { data: teams } = useQuery(teamsQuery);
  const nameOf = (field: string, value: string): string =>
    field === 'teamId' ? (teams?.items.find(({ id }) => id === value)?.name ?? value) : value;
  const changes = before ? differencesOf(before.fields, revision.fields) : [];
  return (
    <div className="flex flex-wrap items-start justify-between gap-x-6 gap-y-2">
      <div className="flex min-w-0 flex-col gap-1">
        <p>
          <span className="font-mono text-xs text-soft">{revision.revision}</span>{' '}
          <span className="font-medium">{KIND_WORDS[revision.kind]}</span>{' '}
          <span className="text-soft">
            by <bdi>{revision.by === null ? 'unknown' : revision.by.name}</bdi>, <Instant at={revision.at} />
          </span>
        </p>
        {revision.note !== null && <bdi className="text-soft">“{revision.note}”</bdi>}
        {revision.kind === 'edited' && (
          <dl className="grid grid-cols-[auto_1fr] gap-x-3">
            {changes.map(({ field, words, from, to }) => (
              <div key={field} className="contents">
                <dt className="text-soft">{words}</dt>
                <dd className="min-w-0 [overflow-wrap:anywhere]">
                  <del className="text-soft no-underline">{nameOf(field, from)}</del> →{' '}
                  <ins className="no-underline">{nameOf(field, to)}</ins>
                </dd>
              </div>
            ))}
          </dl>
        )}
      </div>
      <Restore revision={revision} schedule={schedule} />
    </div>
  );
}

/** Sends what differs from the present, without whether it is paused. */
function Restore({ revision, schedule }: { readonly revision: Revision; readonly schedule: Schedule }) {
  const changes = differencesOf(schedule, revision.fields).filter(({ field }) => field !== 'enabled');
  if (changes.length === 0) return null;
  const restore = async (): Promise<void> => {
    const body = Object.fromEntries(
      RESTORABLE.filter((field) => changes.some((change) => change.field === field)).map((field) => [
        field,
        revision.fields[field],
      ]),
    );
    const params = { id: schedule.id };
    await api.request('PATCH /schedules/:id', { params, body, ifRevision: schedule.revision });
    for (const key of ['schedules', 'schedule', 'revisions', 'ledger', 'timeline'])
      void queryClient.invalidateQueries({ queryKey: [key] });
  };
  return (
    <ConfirmButton
      act={restore}
      look="plain"
      icon={<History className="size-4" aria-hidden />}
      title={`Restore revision ${revision.revision}?`}
      words={`This sets ${changes.map(({ words }) => words).join(', ')} back to what it was. It becomes a revision of its own.`}
      confirm="Restore it"
    >
      Restore
    </ConfirmButton>
  );
}
