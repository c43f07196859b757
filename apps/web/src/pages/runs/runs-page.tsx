import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useSearch } from '@tanstack/react-router';
import { ArrowDown, ArrowUp } from 'lucide-react';
import { runsQuery, type RunFilter, type RunSort } from '../../api/queries';
import { Page } from '../../app/shell';
import { MoreButton } from '../../parts/more-button';
import { Empty, Waiting } from '../../parts/panel';
import { ProblemNote } from '../../parts/problem-note';
import { RUN_COLUMNS, RunList } from '../../parts/run-list';
import { isOfRanges, RunFilters } from './run-filters';
import { SORT_WORDS, SORTED_BY, SORTED_WITHOUT } from './run-search';

/** Every run; what is filtered, and by what it is sorted, stands in the address, so that a list can be kept and sent. */
export function RunsPage() {
  const filter = useSearch({ from: '/runs' });
  const list = useInfiniteQuery(runsQuery(filter));
  const { data, error, refetch } = list;
  const runs = data?.pages.flatMap(({ items }) => items) ?? [];
  const isFiltered = Object.keys(filter).some((name) => name !== 'sort');
  const { sort = 'newest' } = filter;
  const without = SORTED_WITHOUT[sort];
  return (
    <Page title="Runs">
      <RunFilters filter={filter} error={error} isListed={data !== undefined} />
      {error && isOfRanges(error) && (
        <Empty>
          A range above is not valid, so there is no list.{' '}
          <Link to="/runs" className="underline">
            Show all
          </Link>
        </Empty>
      )}
      {error && !isOfRanges(error) && (
        <div className="p-4">
          <ProblemNote error={error} onRetry={() => void refetch()} />
        </div>
      )}
      {!data && !error && <Waiting />}
      {data && runs.length === 0 && (
        <Empty>
          {isFiltered ? (
            <>
              No run is like that.{' '}
              <Link to="/runs" className="underline">
                Show all
              </Link>
            </>
          ) : (
            <>
              Nothing has run yet.{' '}
              <Link to="/schedules" className="underline">
                Schedules
              </Link>{' '}
              can be run at once.
            </>
          )}
        </Empty>
      )}
      {runs.length > 0 && <Columns filter={filter} />}
      <RunList runs={runs} sortedBy={SORTED_BY[sort]} />
      <MoreButton list={list}>{sort === 'newest' ? 'Older runs' : 'More runs'}</MoreButton>
      {data && without !== undefined && <p className="px-4 py-3 text-xs text-soft rail:px-6">{without}</p>}
    </Page>
  );
}

/** Names the columns where there is room for them; some of them sort. */
function Columns({ filter }: { readonly filter: RunFilter }) {
  return (
    <div
      role="group"
      aria-label="Order"
      className={`hidden items-center gap-x-3 border-b border-line px-4 py-1 text-xs text-soft rail:px-6 wide:grid ${RUN_COLUMNS}`}
    >
      <span className="col-span-2">Run</span>
      <span>What it says</span>
      <span>Trigger</span>
      <SortLink filter={filter} orders={['costliest', 'cheapest']}>
        Cost
      </SortLink>
      <SortLink filter={filter} orders={['longest', 'shortest']}>
        Took
      </SortLink>
      <SortLink filter={filter} orders={['newest', 'oldest']}>
        Due
      </SortLink>
    </div>
  );
}

/** Sorts by a column, and the other way round where it is sorted by it already. */
function SortLink({
  filter: { sort = 'newest', ...filter },
  orders: [first, second],
  children,
}: {
  readonly filter: RunFilter;
  readonly orders: readonly [RunSort, RunSort];
  readonly children: string;
}) {
  const isSorted = sort === first || sort === second;
  const next = sort === first ? second : first;
  const Arrow = sort === second ? ArrowUp : ArrowDown;
  return (
    <Link
      to="/runs"
      search={{ ...filter, ...(next !== 'newest' && { sort: next }) }}
      aria-current={isSorted ? 'true' : undefined}
      title={`${isSorted ? `${SORT_WORDS[sort]}; ` : ''}show ${SORT_WORDS[next]}`}
      className="-my-1 inline-flex items-center justify-end gap-0.5 py-1 hover:text-ink aria-current:font-medium aria-current:text-ink"
    >
      {isSorted && <Arrow className="size-3" aria-hidden />}
      {children}
      {isSorted && <span className="sr-only">, {SORT_WORDS[sort]}</span>}
    </Link>
  );
}
