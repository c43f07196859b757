import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import type { Usage } from '../../api/client';
import { usageQuery } from '../../api/queries';
import { Page } from '../../app/shell';
import { Choice } from '../../parts/choice';
import { Empty, Panel, Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { viewerZone, zoneName } from '../../time/format-time';
import { formatCosts, formatTokens, unknownOf } from '../../usage/format-usage';
import { currencyOf } from './day-bars';
import { DayChart, DayTable } from './day-chart';
import { GroupTable } from './group-table';
import { GROUPINGS, MEASURES, USAGE_SPANS, type UsageSearch } from './usage-search';

const GROUPING_WORDS = { schedule: 'Schedules', team: 'Teams', model: 'Models' } as const;
const SPAN_WORDS = { 7: '7 d', 30: '30 d', 90: '90 d' } as const;
const MEASURE_WORDS = { cost: 'Cost', tokens: 'Tokens' } as const;

/** What agents used, as far as they report it: in all, by day, and by schedule, team or model. */
export function UsagePage() {
  const search = useSearch({ from: '/usage' });
  const navigate = useNavigate();
  const { by = 'schedule', days = 30 } = search;
  const { data, error, refetch } = useQuery(usageQuery(by, days, viewerZone()));
  const isCostKnown = data === undefined || data.total.costs.length > 0;
  const measure = search.show ?? (isCostKnown ? 'cost' : 'tokens');
  const set = (change: UsageSearch): void => {
    void navigate({ to: '/usage', search: { ...search, ...change }, replace: true });
  };
  return (
    <Page title="Usage">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2 border-b border-line px-4 py-2.5 rail:px-6">
        <Choice
          name="Group by"
          options={GROUPINGS}
          words={GROUPING_WORDS}
          value={by}
          onChange={(next) => set({ by: next })}
        />
        <Choice
          name="Days up to today"
          options={USAGE_SPANS}
          words={SPAN_WORDS}
          value={days}
          onChange={(next) => set({ days: next })}
        />
        <Choice
          name="What is drawn"
          options={MEASURES}
          words={MEASURE_WORDS}
          value={measure}
          onChange={(next) => set({ show: next })}
        />
      </div>
      <div className="flex flex-col gap-4 p-4 rail:p-6">
        {error && <ProblemNote error={error} onRetry={() => void refetch()} />}
        {!data && !error && <Waiting />}
        {data && data.total.runs === 0 && (
          <Panel title="Nothing was used">
            <Empty>No run gave an agent a task in the last {days} days.</Empty>
          </Panel>
        )}
        {data && data.total.runs > 0 && (
          <>
            <Panel title={`The last ${days} days`} note={`by the days of ${zoneName(data.zone)}`}>
              <Totals total={data.total} />
              <DayChart days={data.days} measure={measure} currency={currencyOf(data.total)} />
              <DayTable days={data.days} />
            </Panel>
            <GroupTable usage={data} measure={measure} within={days} />
            <p className="text-xs text-soft">
              Agents report tokens and cost themselves, where their preset knows of it; it is no bill. A sum with
              something unknown is at least so much: such a day has an open top.
            </p>
          </>
        )}
      </div>
    </Page>
  );
}

function Totals({ total }: { readonly total: Usage['total'] }) {
  const { runs, costs, inputTokens, outputTokens } = total;
  const facts = [
    ['Cost', formatCosts(costs) ?? 'unknown', unknownOf(total, 'cost')],
    ['Tokens in', inputTokens === null ? 'unknown' : formatTokens(inputTokens), unknownOf(total, 'tokens')],
    ['Tokens out', outputTokens === null ? 'unknown' : formatTokens(outputTokens), null],
    ['Runs', runs.toLocaleString(), null],
  ] as const;
  return (
    <dl className="flex flex-wrap gap-x-8 gap-y-3 px-4 pt-3">
      {facts.map(([name, value, note]) => (
        <div key={name} className="flex flex-col">
          <dt className="text-xs text-soft">{name}</dt>
          <dd className="text-lg">{value}</dd>
          {note !== null && <dd className="text-xs text-soft">{note}</dd>}
        </div>
      ))}
    </dl>
  );
}
