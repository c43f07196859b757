import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import type { Team } from '../../api/client';
import { configQuery, teamQuery } from '../../api/queries';
import { Page } from '../../app/shell';
import { Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { draftOf, newTeam } from './team-draft';
import { TeamForm } from './team-form';
import { TeamsCrumb } from './team-page';

export function NewTeamPage() {
  const { data: config, error, refetch } = useQuery(configQuery);
  return (
    <Page title="New team" crumbs={<TeamsCrumb />}>
      {error && <ProblemNote error={error} onRetry={() => void refetch()} />}
      {config ? <TeamForm team={null} initial={newTeam(config.networks[0] ?? 'allowlist')} /> : <Waiting />}
    </Page>
  );
}

export function EditTeamPage() {
  const { teamId } = useParams({ from: '/teams/$teamId/edit' });
  const { data: team, error, refetch } = useQuery(teamQuery(teamId));
  return (
    <Page title={team ? <>Edit {team.name}</> : 'Edit'} crumbs={<TeamsCrumb />}>
      {error && <ProblemNote error={error} onRetry={() => void refetch()} />}
      {team ? <EditedTeam key={team.id} team={team} /> : !error && <Waiting />}
    </Page>
  );
}

/** The team as it was when the form was opened, so that what others change meanwhile does not move under the hands. */
function EditedTeam({ team }: { readonly team: Team }) {
  const [opened] = useState(team);
  return <TeamForm team={opened} initial={draftOf(opened)} />;
}
