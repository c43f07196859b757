import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { AnswerOf, Routes } from '@crewtab/api-client/route-types';
import { heatmapQuery } from '../../api/queries';
import { Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { viewerZone } from '../../time/format-time';

type Cell = AnswerOf<Routes['GET /stats/heatmap']>['cells'][number];

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const HOURS = Array.from({ length: 24 }, (_, hour) => hour);
const DAYS = 28;

/** When in the week runs are due, and when they go wrong. */
export function HoursView() {
  const [zone, setZone] = useState(viewerZone);
  const { data, error, refetch } = useQuery(heatmapQuery(zone, DAYS));
  const zones = [...new Set([viewerZone(), 'UTC'])];
  return (
    <div className="flex flex-col gap-3 p-4 rail:p-6">
      <p className="flex flex-wrap items-center gap-2 text-soft">
        Runs of the last {DAYS} days by the hours of
        {zones.length === 1 ? (
          <span>{zone}</span>
        ) : (
          <select
            aria-label="Zone"
            value={zone}
            onChange={({ target }) => setZone(target.value)}
            className="h-7 rounded-md border border-line bg-surface px-1.5 text-ink"
          >
            {zones.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        )}
      </p>
      {error && <ProblemNote error={error} onRetry={() => void refetch()} />}
      {!data && !error && <Waiting />}
      {data && <Grid cells={data.cells} />}
    </div>
  );
}

function Grid({ cells }: { readonly cells: readonly Cell[] }) {
  const byPlace = new Map(cells.map((cell) => [`${cell.weekday} ${cell.hour}`, cell]));
  const most = Math.max(1, ...cells.map(sumOf));
  return (
    <div className="overflow-x-auto" role="region" aria-label="Hours of the week" tabIndex={0}>
      <table className="border-separate border-spacing-0.5">
        <thead>
          <tr>
            <td />
            {HOURS.map((hour) => (
              <th key={hour} scope="col" className="w-8 text-xs font-normal text-soft">
                {hour}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {WEEKDAYS.map((name, index) => (
            <tr key={name}>
              <th scope="row" className="pr-2 text-left text-xs font-normal text-soft">
                {name}
              </th>
              {HOURS.map((hour) => (
                <HourCell key={hour} cell={byPlace.get(`${index + 1} ${hour}`)} most={most} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <p className="mt-2 text-xs text-soft">
        The stronger a cell, the more runs. The line at the bottom of a cell is the share that failed or timed out.
      </p>
    </div>
  );
}

function HourCell({ cell, most }: { readonly cell: Cell | undefined; readonly most: number }) {
  if (!cell) return <td className="size-8 rounded-xs bg-hover" />;
  const count = sumOf(cell);
  const bad = (cell.counts.failed ?? 0) + (cell.counts.timeout ?? 0);
  const parts = Object.entries(cell.counts).map(([status, n]) => `${n} ${status}`);
  // The square root, so that few are seen beside many; no darker than the number can be read on.
  const strength = Math.round(8 + 34 * Math.sqrt(count / most));
  return (
    <td
      title={parts.join(', ')}
      className="relative size-8 rounded-xs text-center text-[10px] text-ink"
      style={{ backgroundColor: `color-mix(in oklab, var(--ink) ${strength}%, var(--ground))` }}
    >
      {count}
      {bad > 0 && (
        <span
          className="absolute bottom-0 left-0 h-1 rounded-xs bg-failed"
          style={{ width: `${Math.max(12, (bad / count) * 100)}%` }}
        >
          <span className="sr-only">, {bad} went wrong</span>
        </span>
      )}
    </td>
  );
}

function sumOf({ counts }: Cell): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
