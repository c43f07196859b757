import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Plus } from 'lucide-react';
import { api, type Secret } from '../../api/client';
import { callerQuery, secretsQuery } from '../../api/queries';
import { Page } from '../../app/shell';
import { Button } from '../../parts/button';
import { ConfirmButton } from '../../parts/confirm-button';
import { fieldText, FormDialog } from '../../parts/form-dialog';
import { Empty, Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { Instant } from '../../time/instant';
import { forgetSecrets, SecretDialog, SecretValueField } from './secret-choice';
import { TeamTabs } from './team-tabs';

/** Named values that agents are given. The page never has a value but the one that is being typed. */
export function SecretsPage() {
  const { data, error, refetch } = useQuery(secretsQuery);
  const isAdmin = useQuery(callerQuery).data?.role === 'admin';
  return (
    <Page
      title="Secrets"
      actions={
        isAdmin && (
          <SecretDialog
            trigger={
              <Button>
                <Plus className="size-4" aria-hidden /> New secret
              </Button>
            }
          />
        )
      }
    >
      <TeamTabs />
      <p className="max-w-prose px-4 py-3 text-soft rail:px-6">
        A secret goes in and never comes out: agents name it, and what they say of it is masked.
        {!isAdmin && ' Admins set them.'}
      </p>
      {error && (
        <div className="p-4 rail:p-6">
          <ProblemNote error={error} onRetry={() => void refetch()} />
        </div>
      )}
      {!data && !error && <Waiting />}
      {data?.items.length === 0 && (
        <div className="rail:px-2">
          <Empty>
            There is no secret yet.
            {isAdmin && ' Make one here; the form of a team lets a variable of an agent take its value from it.'}
          </Empty>
        </div>
      )}
      <ul className="border-t border-line">
        {data?.items.map((secret) => (
          <SecretRow key={secret.name} secret={secret} isAdmin={isAdmin} />
        ))}
      </ul>
      {data?.hasMore === true && <p className="px-4 py-3 text-soft rail:px-6">Only the first 500 are shown.</p>}
    </Page>
  );
}

function SecretRow({ secret, isAdmin }: { readonly secret: Secret; readonly isAdmin: boolean }) {
  const { name, updatedAt, uses, useCount } = secret;
  return (
    <li className="grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-6 gap-y-1.5 border-b border-line px-4 py-3 rail:px-6 wide:grid-cols-[minmax(0,3fr)_minmax(0,5fr)_180px]">
      <span className="min-w-0">
        <bdi className="block truncate font-mono text-xs leading-5 font-medium">{name}</bdi>
        <span className="text-soft">
          set <Instant at={updatedAt} />
        </span>
      </span>
      <span className="min-w-0 max-wide:order-last max-wide:col-span-2">
        {useCount === 0 && <span className="text-soft">not used</span>}
        <ul className="flex flex-col gap-0.5">
          {uses.slice(0, SHOWN_USES).map((use) => (
            <li key={[use.teamId, use.agent, use.mcpServer, use.variable].join(' ')} className="min-w-0 truncate">
              <Link to="/teams/$teamId" params={{ teamId: use.teamId }} className="underline">
                <bdi>{use.teamName}</bdi>
              </Link>{' '}
              <span className="text-soft">
                <bdi>{use.agent ?? 'its workspace'}</bdi>
                {use.mcpServer !== null && (
                  <>
                    {' › '}
                    <bdi>{use.mcpServer}</bdi>
                  </>
                )}
              </span>{' '}
              <bdi className="font-mono text-xs">{use.variable}</bdi>
            </li>
          ))}
        </ul>
        {useCount > SHOWN_USES && <span className="text-soft">and {useCount - SHOWN_USES} more</span>}
      </span>
      <span className="flex justify-end gap-2">{isAdmin && <SecretActions secret={secret} />}</span>
    </li>
  );
}

/** Uses that a row names. */
const SHOWN_USES = 5;

function SecretActions({ secret: { name, useCount } }: { readonly secret: Secret }) {
  const remove = async (): Promise<void> => {
    await api.request('DELETE /secrets/:name', { params: { name } });
    await forgetSecrets();
  };
  return (
    <>
      <FormDialog
        trigger={<Button aria-label={`Replace ${name}`}>Replace</Button>}
        title={`Replace ${name}`}
        words="The next run that begins takes the new value; those that have begun keep theirs."
        confirm="Replace the value"
        act={async (fields) => {
          await api.request('PUT /secrets/:name', { params: { name }, body: { value: fieldText(fields, 'value') } });
          await forgetSecrets();
        }}
      >
        {(faultAt) => <SecretValueField error={faultAt('value')} />}
      </FormDialog>
      <ConfirmButton
        act={remove}
        title={`Delete ${name}?`}
        words={
          useCount === 0
            ? 'Nothing uses it. Its value is gone for good.'
            : 'Agents use it, so it will be refused until they have another one.'
        }
        confirm="Delete the secret"
      >
        Delete
      </ConfirmButton>
    </>
  );
}
