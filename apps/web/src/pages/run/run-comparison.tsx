import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Run } from '../../api/client';
import { neighboursQuery, runQuery } from '../../api/queries';
import { Panel, Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { formatSpan } from '../../time/format-time';
import { Instant } from '../../time/instant';
import { costOf } from '../../usage/format-usage';
import { DiffView } from './diff-view';

/** This run beside the last success before it: how long each took, and what of prompt and result is another. */
export function RunComparison({ run }: { readonly run: Run }) {
  const { data: neighbours, error } = useQuery(neighboursQuery(run.id));
  const otherId = neighbours?.lastSuccess?.id;
  const { data: other, error: otherError } = useQuery({ ...runQuery(otherId ?? ''), enabled: otherId !== undefined });
  const problem = error ?? otherError;
  const costs = other ? costsOf(run, other) : null;
  return (
    <Panel
      title="Compared with the last success"
      note={
        other && (
          <Link to="/runs/$runId" params={{ runId: other.id }} className="underline">
            <Instant at={other.scheduledFor} />
          </Link>
        )
      }
    >
      {problem && (
        <div className="p-4">
          <ProblemNote error={problem} />
        </div>
      )}
      {!problem && !neighbours && <Waiting />}
      {neighbours && otherId === undefined && (
        <p className="px-4 py-3 text-soft">No run of this schedule succeeded before this one.</p>
      )}
      {other && (
        <div className="flex flex-col gap-3 px-4 py-3">
          <p>
            {timeOf(run)}, then {timeOf(other)}
            {costs !== null && ` · ${costs}`}
            {run.teamName !== other.teamName && (
              <>
                {' '}
                · team <bdi>{run.teamName}</bdi>, then <bdi>{other.teamName}</bdi>
              </>
            )}
          </p>
          <Part name="Prompt" before={other.prompt} after={run.prompt} />
          <Part name="Result" before={other.result ?? ''} after={run.result ?? ''} />
        </div>
      )}
    </Panel>
  );
}

function Part({ name, before, after }: { readonly name: string; readonly before: string; readonly after: string }) {
  return (
    <div>
      <h3 className="text-xs text-soft">
        {name}
        {before === after && ': the same'}
      </h3>
      {before !== after && (
        <div tabIndex={0} className="mt-1 max-h-96 overflow-auto">
          <DiffView before={before} after={after} />
        </div>
      )}
    </div>
  );
}

/** Null where neither is known. */
function costsOf(run: Run, other: Run): string | null {
  const [now, then] = [costOf(run.usage), costOf(other.usage)];
  return now === null && then === null ? null : `${now ?? 'cost unknown'}, then ${then ?? 'unknown'}`;
}

function timeOf({ startedAt, finishedAt }: Run): string {
  if (startedAt === null || finishedAt === null) return 'not over';
  return formatSpan(Date.parse(finishedAt) - Date.parse(startedAt));
}
