import { Link } from '@tanstack/react-router';
import type { Usage } from '../../api/client';
import type { Within } from '../../api/queries';
import { Panel } from '../../parts/panel';
import { formatCosts, formatTokens, unknownOf } from '../../usage/format-usage';
import { currencyOf } from './day-bars';
import { DayStrip } from './day-chart';
import type { Grouping, Measure, UsageSpan } from './usage-search';

type Group = Usage['groups'][number];
type Sum = Usage['total'];

const TITLES: Readonly<Record<Grouping, string>> = { schedule: 'Schedule', team: 'Team', model: 'Model' };
const LISTS: Readonly<Record<UsageSpan, Within | undefined>> = { 7: '7d', 30: '30d', 90: undefined };

/** Groups, the highest cost first, each with its days. */
export function GroupTable({
  usage: { by, groups, others, days, total },
  measure,
  within,
}: {
  readonly usage: Usage;
  readonly measure: Measure;
  readonly within: UsageSpan;
}) {
  const dates = days.map(({ date }) => date);
  return (
    <Panel title={`By ${by}`}>
      <table className="w-full table-fixed text-left">
        <thead className="text-xs text-soft">
          <tr className="border-b border-line">
            <th scope="col" className="px-4 py-1.5 font-normal wide:w-1/4">
              {TITLES[by]}
            </th>
            <th scope="col" className="py-1.5 font-normal max-wide:hidden">
              Each day
            </th>
            <th scope="col" className="w-20 px-4 py-1.5 text-right font-normal max-rail:hidden wide:w-24">
              {by === 'model' ? 'Uses' : 'Runs'}
            </th>
            <th scope="col" className="w-32 px-4 py-1.5 text-right font-normal max-rail:hidden wide:w-44">
              Tokens
            </th>
            <th scope="col" className="w-36 py-1.5 pr-4 text-right font-normal wide:w-44">
              Cost
            </th>
          </tr>
        </thead>
        <tbody>
          {groups.map((group) => (
            <tr key={`${group.id} ${group.preset} ${group.model}`} className="border-b border-line last:border-b-0">
              <th scope="row" className="px-4 py-2 align-top font-medium">
                <GroupName by={by} group={group} />
                <Small sum={group} />
              </th>
              <td className="py-2 align-top max-wide:hidden">
                <DayStrip dates={dates} days={group.days} measure={measure} currency={currencyOf(total)} />
              </td>
              <Figures sum={group}>
                <Runs by={by} group={group} within={LISTS[within]} />
              </Figures>
            </tr>
          ))}
          {others && (
            <tr className="text-soft">
              <th scope="row" className="px-4 py-2 align-top font-normal">
                {others.groups} {others.groups === 1 ? 'other' : 'others'}
                <Small sum={others} />
              </th>
              <td className="max-wide:hidden" />
              <Figures sum={others}>{others.runs.toLocaleString()}</Figures>
            </tr>
          )}
        </tbody>
      </table>
    </Panel>
  );
}

function GroupName({ by, group: { id, name, preset, model } }: { readonly by: Grouping; readonly group: Group }) {
  const link = 'block truncate hover:underline';
  const words = <bdi>{name ?? (id === null ? 'unknown' : `deleted …${id.slice(-6)}`)}</bdi>;
  if (by === 'schedule' && id !== null)
    return (
      <Link to="/schedules/$scheduleId" params={{ scheduleId: id }} data-row="" className={link}>
        {words}
      </Link>
    );
  if (by === 'schedule') return <span className="block truncate">Without a schedule</span>;
  if (by === 'team' && id !== null && name !== null)
    return (
      <Link to="/teams/$teamId" params={{ teamId: id }} data-row="" className={link}>
        {words}
      </Link>
    );
  if (by === 'team') return <span className="block truncate">{words}</span>;
  return (
    <span className="block truncate">
      {name === null ? 'A program of its own' : words}
      {preset !== null && model !== null && <span className="ml-2 font-normal text-soft">{preset}</span>}
    </span>
  );
}

/** Where there is no room for columns. */
function Small({ sum: { runs, inputTokens, outputTokens } }: { readonly sum: Sum }) {
  return (
    <span className="block truncate text-xs font-normal text-soft rail:hidden">
      {runs} {runs === 1 ? 'run' : 'runs'} · {tokensIn({ inputTokens, outputTokens })}
    </span>
  );
}

function Runs({
  by,
  group,
  within,
}: {
  readonly by: Grouping;
  readonly group: Group;
  readonly within?: Within | undefined;
}) {
  const count = group.runs.toLocaleString();
  if (by !== 'schedule' || group.id === null) return <>{count}</>;
  return (
    <Link to="/runs" search={{ schedule: group.id, ...(within && { within }) }} className="hover:underline">
      {count}
    </Link>
  );
}

function Figures({ sum, children }: { readonly sum: Sum; readonly children: React.ReactNode }) {
  const [unknownCost, unknownTokens] = [unknownOf(sum, 'cost'), unknownOf(sum, 'tokens')];
  return (
    <>
      <td className="px-4 py-2 text-right align-top max-rail:hidden">{children}</td>
      <td className="px-4 py-2 text-right align-top max-rail:hidden">
        {tokensIn(sum)}
        {unknownTokens !== null && sum.inputTokens !== null && (
          <span className="block text-xs text-soft">{unknownTokens}</span>
        )}
      </td>
      <td className="py-2 pr-4 text-right align-top">
        {formatCosts(sum.costs) ?? <span className="text-soft">unknown</span>}
        {unknownCost !== null && sum.costs.length > 0 && <span className="block text-xs text-soft">{unknownCost}</span>}
      </td>
    </>
  );
}

function tokensIn({ inputTokens, outputTokens }: Pick<Sum, 'inputTokens' | 'outputTokens'>): React.ReactNode {
  if (inputTokens === null) return <span className="text-soft">unknown</span>;
  return formatTokens(inputTokens + (outputTokens ?? 0));
}
