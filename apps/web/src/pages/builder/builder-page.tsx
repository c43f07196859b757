import { useQuery } from '@tanstack/react-query';
import { useParams, useSearch } from '@tanstack/react-router';
import { configQuery, scheduleQuery, teamsQuery } from '../../api/queries';
import { Page } from '../../app/shell';
import { Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { viewerZone } from '../../time/format-time';
import { BuilderForm } from './builder-form';
import { ScheduleCrumb } from '../../parts/schedule-crumb';
import { draftOf, type Draft } from './draft';

/** A schedule that is not there yet, perhaps like another one. */
export function NewSchedulePage() {
  const { from } = useSearch({ from: '/schedules/new' });
  const config = useQuery(configQuery);
  const teams = useQuery(teamsQuery);
  const like = useQuery({ ...scheduleQuery(from ?? ''), enabled: from !== undefined });
  const error = config.error ?? teams.error ?? like.error;
  const isReady = config.data && teams.data && (from === undefined || like.data);
  if (!isReady) return <Unready title="New schedule" error={error} />;
  const team = teams.data.items.find(({ id }) => id === like.data?.teamId) ?? teams.data.items[0];
  const empty: Draft = {
    ...{ name: '', prompt: '', cron: '0 9 * * 1-5', timezone: viewerZone(), timeout: config.data.defaultTimeout },
    ...{ overlap: 'allow', catchUp: 'latest', catchUpWindow: '1h', allowEmpty: false, allowOpenToolCalls: false },
    ...{ promptFormat: 'template', variables: '' },
    ...{ verify: null, artifacts: null },
    teamId: team?.id ?? '',
  };
  const draft = like.data ? { ...draftOf(like.data), name: `${like.data.name} (copy)`.slice(0, 100) } : empty;
  return <BuilderForm key={from} title="New schedule" start={draft} stored={null} teams={teams.data.items} />;
}

export function EditSchedulePage() {
  const { scheduleId } = useParams({ from: '/schedules/$scheduleId/edit' });
  const schedule = useQuery(scheduleQuery(scheduleId));
  const teams = useQuery(teamsQuery);
  const error = schedule.error ?? teams.error;
  if (!schedule.data || !teams.data) return <Unready title="Edit schedule" error={error} />;
  const { id, revision, name } = schedule.data;
  return (
    <BuilderForm
      key={id}
      title={name}
      start={draftOf(schedule.data)}
      stored={{ id, revision }}
      teams={teams.data.items}
    />
  );
}

function Unready({ title, error }: { readonly title: string; readonly error: Error | null }) {
  return (
    <Page title={title} crumbs={<ScheduleCrumb />}>
      {error ? (
        <div className="p-4 rail:p-6">
          <ProblemNote error={error} />
        </div>
      ) : (
        <Waiting />
      )}
    </Page>
  );
}
