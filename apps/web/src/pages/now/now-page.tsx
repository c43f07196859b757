import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Overview } from '../../api/client';
import { schedulesQuery } from '../../api/queries';
import { Page } from '../../app/shell';
import { Empty, Panel, Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { StatusShape } from '../../status/status-shape';
import { Instant, ZonedClock } from '../../time/instant';
import { Active } from './active-runs';
import { Digest } from './digest';
import { FirstVisit } from './first-visit';
import { Health } from './health';
import { NeedsYou } from './needs-you';
import { overviewQuery } from './overview';

const COLUMN = 'min-w-0 max-wide:contents wide:flex wide:flex-col wide:gap-4';

/** What happened since one was here, what needs a person, what runs, and what is due. */
export function NowPage() {
  const { data: overview, error, refetch } = useQuery(overviewQuery);
  const hasNone =
    overview !== undefined && overview.due.length + overview.active.length + overview.digest.runs.length === 0;
  const schedules = useQuery({ ...schedulesQuery, enabled: hasNone }).data;
  const isEmpty = hasNone && schedules?.items.length === 0;
  return (
    <Page title="Now" actions={overview && <Health health={overview.health} />}>
      {error && (
        <div className="p-4 pb-0 rail:p-6 rail:pb-0">
          <ProblemNote error={error} onRetry={() => void refetch()} />
        </div>
      )}
      {!overview && !error && <Waiting />}
      {isEmpty && overview && <FirstVisit overview={overview} />}
      {overview && !isEmpty && (
        // Two columns, or one in the order of what is urgent.
        <div className="flex flex-col gap-4 p-4 rail:p-6 wide:grid wide:grid-cols-2 wide:items-start">
          <div className={COLUMN}>
            <NeedsYou overview={overview} />
            <Digest overview={overview} />
          </div>
          <div className={COLUMN}>
            <Active runs={overview.active} />
            <Due due={overview.due} />
          </div>
        </div>
      )}
    </Page>
  );
}

function Due({ due }: { readonly due: Overview['due'] }) {
  return (
    <Panel
      className="order-4"
      title="Next 24 hours"
      note={due.length === 0 ? undefined : due.length === 1 ? '1 schedule' : `${due.length} schedules`}
    >
      {due.length === 0 && <Empty>No schedule is due in the next 24 hours.</Empty>}
      <ul>
        {due.map(({ scheduleId, scheduleName, timezone, at }) => (
          <li key={scheduleId} className="border-b border-line last:border-b-0">
            <Link
              to="/schedules/$scheduleId"
              params={{ scheduleId }}
              data-row=""
              className="grid grid-cols-[16px_1fr] items-center gap-x-3 px-4 py-2 hover:bg-hover rail:grid-cols-[16px_1fr_auto]"
            >
              <StatusShape status="queued" isNamed />
              <bdi className="truncate font-medium">{scheduleName}</bdi>
              <span className="text-soft max-rail:col-start-2">
                <ZonedClock at={at} zone={timezone} /> · <Instant at={at} zone={timezone} />
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
