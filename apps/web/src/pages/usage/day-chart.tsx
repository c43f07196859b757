import { useState } from 'react';
import type { Usage } from '../../api/client';
import { describeSum, measured } from './day-bars';
import type { Measure } from './usage-search';

type Day = Usage['days'][number];

/** `Mon, 30 Nov`; the date is one of a calendar, whatever the zone. */
function nameDay(date: string): string {
  return new Intl.DateTimeFormat(undefined, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    timeZone: 'UTC',
  }).format(new Date(`${date}T00:00:00Z`));
}

/** One bar for each day, today at the right; below it what is pointed at, in words. */
export function DayChart({
  days,
  measure,
  currency,
}: {
  readonly days: readonly Day[];
  readonly measure: Measure;
  readonly currency: string | null;
}) {
  const [at, setAt] = useState<number | null>(null);
  const most = Math.max(0, ...days.map((day) => measured(day, measure, currency) ?? 0));
  const shown = at === null ? undefined : days[at];
  return (
    <div className="px-4 py-3">
      <div
        role="img"
        aria-label={`${measure === 'cost' ? 'Cost' : 'Tokens'} of each of ${days.length} days; the table below has them in words`}
        className="flex h-32 items-end border-b border-line"
        onMouseLeave={() => setAt(null)}
      >
        {days.map((day, index) => (
          <span
            key={day.date}
            onMouseEnter={() => setAt(index)}
            onClick={() => setAt(index)}
            className={`flex h-full min-w-0 flex-1 flex-col items-stretch justify-end px-px ${index === at ? 'bg-hover' : ''}`}
          >
            <Bar day={day} measure={measure} currency={currency} most={most} />
          </span>
        ))}
      </div>
      <p className="mt-1 flex justify-between gap-4 text-xs text-soft" aria-hidden>
        {shown ? (
          <span className="text-ink">
            {nameDay(shown.date)}: {describeSum(shown, measure)}
          </span>
        ) : (
          <>
            <span>{nameDay(days[0]?.date ?? '')}</span>
            <span>today</span>
          </>
        )}
      </p>
    </div>
  );
}

/** With an open top where something was not reported: it is at least so high. */
function Bar({
  day,
  measure,
  currency,
  most,
}: {
  readonly day: Day;
  readonly measure: Measure;
  readonly currency: string | null;
  readonly most: number;
}) {
  const value = measured(day, measure, currency) ?? 0;
  const lacks = day.unknown[measure] + day.incomplete[measure] > 0;
  return (
    <>
      {lacks && <span className="h-1.5 border-x border-t border-dotted border-idle" />}
      <span
        className="rounded-t-xs bg-idle/70"
        style={{ height: most === 0 || value === 0 ? 0 : `max(2px, ${(value / most) * 92}%)` }}
      />
    </>
  );
}

/** A small picture of a group's days, for reading down a list; its row has the sum in words. */
export function DayStrip({
  dates,
  days,
  measure,
  currency,
}: {
  readonly dates: readonly string[];
  readonly days: Usage['groups'][number]['days'];
  readonly measure: Measure;
  readonly currency: string | null;
}) {
  const byDate = new Map(days.map((day) => [day.date, day]));
  const most = Math.max(0, ...days.map((day) => measured(day, measure, currency) ?? 0));
  return (
    <span className="flex h-6 w-full items-end" aria-hidden>
      {dates.map((date) => {
        const day = byDate.get(date);
        const value = (day && measured(day, measure, currency)) ?? 0;
        const height = most === 0 || value === 0 ? (day ? 1 : 0) : Math.max(2, Math.round((value / most) * 24));
        return (
          <span
            key={date}
            title={day && `${nameDay(date)}: ${describeSum(day, measure)}`}
            className="flex h-full min-w-0 flex-1 items-end px-px hover:bg-hover"
          >
            <span className="w-full rounded-t-xs bg-idle/60" style={{ height }} />
          </span>
        );
      })}
    </span>
  );
}

/** The same days for who reads words. */
export function DayTable({ days }: { readonly days: readonly Day[] }) {
  return (
    <details className="border-t border-line">
      <summary className="cursor-pointer px-4 py-2 text-soft hover:text-ink">Days as a table</summary>
      <div className="overflow-x-auto" role="region" aria-label="Days as a table" tabIndex={0}>
        <table className="mb-3 w-full text-left">
          <thead className="text-xs text-soft">
            <tr>
              <th scope="col" className="px-4 py-1 font-normal">
                Day
              </th>
              <th scope="col" className="px-4 py-1 font-normal">
                Cost
              </th>
              <th scope="col" className="px-4 py-1 font-normal">
                Tokens
              </th>
            </tr>
          </thead>
          <tbody>
            {days
              .filter(({ runs }) => runs > 0)
              .toReversed()
              .map((day) => (
                <tr key={day.date}>
                  <th scope="row" className="px-4 py-1 font-normal whitespace-nowrap">
                    {nameDay(day.date)}
                  </th>
                  <td className="px-4 py-1">{describeSum(day, 'cost')}</td>
                  <td className="px-4 py-1">{describeSum(day, 'tokens')}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
