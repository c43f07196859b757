import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Copy } from 'lucide-react';
import type { Schedule } from '../../api/client';
import { teamQuery } from '../../api/queries';
import { BUTTON, BUTTON_LOOKS } from '../../parts/button';
import { zoneName } from '../../time/format-time';
import { Instant } from '../../time/instant';
import { CATCH_UP_WORDS, OVERLAP_WORDS } from '@crewtab/words/policy-words';
import { DeleteSchedule, ResetWorkspace } from './schedule-actions';

/** What is set of a schedule, each with the sentence that it means. */
export function SettingsTab({ schedule }: { readonly schedule: Schedule }) {
  const { data: team } = useQuery(teamQuery(schedule.teamId));
  const rows: readonly (readonly [string, React.ReactNode, string?])[] = [
    ['Team', <bdi key="team">{team?.name ?? '…'}</bdi>],
    [
      'Cron',
      <code key="cron" className="font-mono text-xs">
        {schedule.cron}
      </code>,
    ],
    ['Zone', schedule.timezone, `all its times are those of ${zoneName(schedule.timezone)}`],
    ['Timeout', schedule.timeout, 'a run that takes longer is stopped'],
    [
      'Overlap',
      <Policy key="overlap" code={`overlap-${schedule.overlap}`} name={schedule.overlap} />,
      `while another run is active, a due one ${OVERLAP_WORDS[schedule.overlap]}`,
    ],
    [
      'Catch-up',
      <Policy key="catch-up" code={`catch-up-${schedule.catchUp}`} name={schedule.catchUp} />,
      `of instants that no scheduler fired in time, ${CATCH_UP_WORDS[schedule.catchUp]}`,
    ],
    ['Catch-up window', schedule.catchUpWindow, 'what was missed longer ago is not caught up'],
    ['Success', successOf(schedule), 'what a run needs beside a good end of its leader’s turn'],
    ['Verified', verificationOf(schedule), 'what must hold of its work'],
    ['Keeps', schedule.artifacts?.join(', ') ?? 'no files', 'of what a run leaves'],
    ...(team?.workspace?.persist === true
      ? [['Workspace', 'kept', 'each run finds what the one before left'] as const]
      : []),
    ['Created', <Instant key="created" at={schedule.createdAt} />],
    ['Changed', <Instant key="changed" at={schedule.updatedAt} />],
  ];
  return (
    <div className="flex flex-col gap-6 p-4 rail:p-6">
      <dl className="grid max-w-3xl grid-cols-[112px_1fr] gap-y-2.5">
        {rows.map(([name, value, words]) => (
          <div key={name} className="contents">
            <dt className="text-soft">{name}</dt>
            <dd className="min-w-0">
              {value}
              {words && <span className="text-soft"> · {words}</span>}
            </dd>
          </div>
        ))}
      </dl>
      <div className="flex flex-wrap gap-2">
        <Link to="/schedules/new" search={{ from: schedule.id }} className={`${BUTTON} ${BUTTON_LOOKS.plain}`}>
          <Copy className="size-4" aria-hidden />
          Duplicate
        </Link>
        {team?.workspace?.persist === true && <ResetWorkspace schedule={schedule} />}
        <DeleteSchedule schedule={schedule} />
      </div>
    </div>
  );
}

function Policy({ code, name }: { readonly code: string; readonly name: string }) {
  return (
    <Link to="/help/$code" params={{ code }} className="underline decoration-line hover:decoration-ink">
      {name}
    </Link>
  );
}

function verificationOf({ verify }: Schedule): string {
  const { command, files, schema } = verify ?? {};
  const parts = [command?.join(' '), files && `files ${files.join(', ')}`, schema && 'a schema of the result'];
  return parts.filter((part) => part !== undefined).join('; ') || 'by its leader’s word alone';
}

function successOf({ allowEmpty, allowOpenToolCalls }: Schedule): string {
  const needs = [...(allowEmpty ? [] : ['an answer']), ...(allowOpenToolCalls ? [] : ['no open tool calls'])];
  return needs.length === 0 ? 'nothing' : needs.join(', ');
}
