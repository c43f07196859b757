import { USAGE_GROUPINGS } from '@crewtab/domain/ports/usage-store';
import { localDaysBetween } from '@crewtab/domain/schedules/local-days';
import {
  RUN_SORTS,
  type PageRequest,
  type RunFilter,
  type ScheduleFilter,
} from '@crewtab/domain/ports/management-store';
import { Client, type QueryConfig } from 'pg';
import { fillDatabase, STEP_MS } from './fill-database';
import type { Bench, BenchContext, Figure } from './harness/bench';
import { percentile, show } from './harness/statistics';
import { BenchStore } from './harness/stored';

const RUNS = 1_000_000;
const SCHEDULES = 300;
const PAGE = 20;
const REPEATS = 10;
/** Of every first and hundredth page, ms. */
const LIMIT_MS = 50;
/** Of what a page of the browser asks for at once. */
const PAGE_LIMIT_MS = 200;
const DAY_MS = 86_400_000;

export const lists: Bench = {
  name: 'lists',
  about: 'pages of runs and schedules by every filter, and what the browser asks for, in a history of a million runs',
  needsDocker: false,
  async run(context: BenchContext): Promise<Figure[]> {
    const stored = await BenchStore.create(context);
    const recorder = new StatementRecorder();
    try {
      await fillDatabase(stored.url, stored, { schedules: SCHEDULES, runs: RUNS, hasMessages: false }, (line) =>
        context.log(line),
      );
      const timings: Timing[] = [];
      for (const each of await casesOf(stored)) timings.push(await time(each, recorder));
      const pages: Timing[] = [];
      for (const each of await pagesOf(stored)) pages.push(await time(each, recorder));
      context.log('   p50    p95  ms');
      for (const timing of [...timings, ...pages]) context.log(line(timing));
      const isSlow =
        (limitMs: number) =>
        (timing: Timing): boolean =>
          percentile(timing.values, 'p95') > limitMs;
      const slow = [...timings.filter(isSlow(LIMIT_MS)), ...pages.filter(isSlow(PAGE_LIMIT_MS))];
      for (const timing of slow.filter(hasPlan))
        context.log(`slow: ${timing.name}: ${await slowestNode(stored, timing.statement)}`);
      return [
        await figureOf(stored, timings, 'lists', LIMIT_MS),
        await figureOf(stored, pages, 'answers of the pages', PAGE_LIMIT_MS),
      ];
    } finally {
      recorder.close();
      await stored.dispose();
    }
  },
};

interface Case {
  readonly name: string;
  /** @returns where the page ended */
  readonly read: (page: PageRequest) => Promise<string | null>;
}

interface Timing {
  readonly name: string;
  readonly values: readonly number[];
  readonly statement: QueryConfig;
}

/** The first page and, where there is one, the hundredth. */
async function time({ name, read }: Case, recorder: StatementRecorder): Promise<Timing> {
  const values: number[] = [];
  const cursors = [null, await read({ limit: 99 * PAGE, cursor: null })];
  for (const cursor of new Set(cursors)) {
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const startedAt = performance.now();
      await read({ limit: PAGE, cursor });
      values.push(performance.now() - startedAt);
    }
  }
  return { name, values, statement: recorder.last };
}

/** An instant that this share of all runs is younger than. */
function after(share: number): Date {
  return new Date(Date.now() - share * RUNS * STEP_MS);
}

const RUN_FILTERS: readonly Choice<RunFilter>[] = [
  { key: 'status', name: 'status 0.1 %', filter: { status: 'timeout' } },
  { key: 'status', name: 'status 99 %', filter: { status: 'success' } },
  { key: 'trigger', name: 'trigger 0.1 %', filter: { trigger: 'rerun' } },
  { key: 'trigger', name: 'trigger 99 %', filter: { trigger: 'schedule' } },
  { key: 'since', name: 'since 0.1 %', filter: { since: after(0.001) } },
  { key: 'since', name: 'since 99 %', filter: { since: after(0.99) } },
  { key: 'until', name: 'until 0.1 %', filter: { until: after(0.999) } },
  { key: 'until', name: 'until 99 %', filter: { until: after(0.01) } },
];

/** Costs are spread from 0 to 0.66, and one run in a thousand took ten times as long as the others. */
const VALUE_FILTERS: readonly { readonly name: string; readonly filter: RunFilter }[] = [
  { name: 'took long 0.1 %', filter: { minTookMs: 100_000 } },
  { name: 'took short 99 %', filter: { maxTookMs: 60_000 } },
  { name: 'cost 0.1 %', filter: { minCost: 0.655 } },
  { name: 'cost 70 %', filter: { minCost: 0.01 } },
  { name: 'cost 70 %, since 0.1 %', filter: { minCost: 0.01, since: after(0.001) } },
  { name: 'took short 99 %, status 0.1 %', filter: { maxTookMs: 60_000, status: 'timeout' } },
];

const SCHEDULE_FILTERS: readonly Choice<ScheduleFilter>[] = [
  { key: 'enabled', name: 'enabled', filter: { enabled: true } },
  { key: 'enabled', name: 'disabled', filter: { enabled: false } },
  { key: 'status', name: 'idle', filter: { status: 'idle' } },
  { key: 'status', name: 'error', filter: { status: 'error' } },
  { key: 'status', name: 'running', filter: { status: 'running' } },
];

interface Choice<Filter> {
  readonly key: string;
  readonly name: string;
  readonly filter: Filter;
}

/** No filter, each filter, and each pair of two different ones. */
function combine<Filter extends object>(choices: readonly Choice<Filter>[]): { name: string; filter: Filter }[] {
  const none = { name: 'no filter', filter: {} as Filter };
  const pairs = choices.flatMap((one, index) =>
    choices
      .slice(index + 1)
      .flatMap((other) =>
        one.key === other.key
          ? []
          : [{ name: `${one.name}, ${other.name}`, filter: { ...one.filter, ...other.filter } }],
      ),
  );
  return [none, ...choices, ...pairs];
}

async function casesOf(stored: BenchStore): Promise<Case[]> {
  const { store, organizationId, teamId } = stored;
  // The first schedule has half of all runs.
  const [busy, calm] = await stored.sql<{ id: string }>('SELECT id FROM schedules ORDER BY id LIMIT 2');
  const scopes = [
    { name: 'runs', scope: {} },
    { name: 'runs of a busy schedule', scope: { scheduleId: busy?.id ?? '' } },
    { name: 'runs of another schedule', scope: { scheduleId: calm?.id ?? '' } },
  ];
  const runs = scopes.flatMap(({ name: list, scope }) =>
    combine(RUN_FILTERS).map(({ name, filter }): Case => {
      const wanted = { ...filter, ...scope };
      const read = async (page: PageRequest): Promise<string | null> =>
        (await store.archive.listRuns(organizationId, wanted, page)).nextCursor;
      return { name: `${list}: ${name}`, read };
    }),
  );
  const sorted = [{ name: 'all', filter: {} as RunFilter }, ...VALUE_FILTERS].flatMap(({ name, filter }) =>
    RUN_SORTS.flatMap((sort): Case[] => {
      const read = async (page: PageRequest): Promise<string | null> =>
        (await store.archive.listRuns(organizationId, filter, { ...page, sort })).nextCursor;
      const isListedAbove = name === 'all' && sort === 'newest';
      return isListedAbove ? [] : [{ name: `runs: ${name}, ${sort}`, read }];
    }),
  );
  const teams: readonly Choice<ScheduleFilter>[] = [{ key: 'teamId', name: 'of the team', filter: { teamId } }];
  const schedules = combine([...SCHEDULE_FILTERS, ...teams]).map(({ name, filter }): Case => {
    const read = async (page: PageRequest): Promise<string | null> =>
      (await store.schedules.listSchedules(organizationId, filter, page)).nextCursor;
    return { name: `schedules: ${name}`, read };
  });
  return [...runs, ...sorted, ...schedules];
}

/** What the pages ask for that is no list: sums of days, the overview, lanes. */
async function pagesOf({ store, organizationId }: BenchStore): Promise<Case[]> {
  const now = new Date();
  const since = (days: number): Date => new Date(now.getTime() - days * DAY_MS);
  const plain = (name: string, read: () => Promise<unknown>): Case => ({
    name,
    read: async () => {
      await read();
      return null;
    },
  });
  const usage = USAGE_GROUPINGS.flatMap((by) =>
    [30, 92].map((days) => {
      const request = { days: localDaysBetween('Europe/Berlin', since(days), now), by, limit: 50 };
      return plain(`usage by ${by}, ${days} days`, () => store.usage.sumUsage(organizationId, request));
    }),
  );
  const overviews = [1, 7].map((days) =>
    plain(`overview since ${days} d`, () => store.overview.readOverview(organizationId, since(days))),
  );
  const { items } = await store.schedules.listSchedules(organizationId, { sort: 'name' }, { limit: 50, cursor: null });
  const busy = await store.archive.listRuns(organizationId, {}, { limit: 1, cursor: null });
  const ids = [...new Set([busy.items[0]?.scheduleId ?? '', ...items.map(({ id }) => id)])];
  const lanes = [2, 60].map((days) => {
    const window = { from: since(days / 2), to: since(-days / 2), maxRuns: 500, columnMs: (days * DAY_MS) / 120 };
    return plain(`lanes of 50 schedules, ${days} days`, () => store.history.readLanes(organizationId, ids, window));
  });
  const counts = VALUE_FILTERS.map(({ name, filter }) =>
    plain(`counts of runs, ${name}`, () => store.archive.countRuns(organizationId, filter)),
  );
  const hours = plain('hours of the week, 28 days', () => store.history.countByQuarter(organizationId, since(28), now));
  return [...usage, ...overviews, ...lanes, ...counts, hours];
}

function line({ name, values }: Timing): string {
  const [p50, p95] = [percentile(values, 'p50'), percentile(values, 'p95')].map((each) => show(each).padStart(6));
  return `${p50} ${p95}  ${name}`;
}

/** The slowest list beside a statement that reads nothing. */
async function figureOf(
  stored: BenchStore,
  timings: readonly Timing[],
  what: string,
  limitMs: number,
): Promise<Figure> {
  const base: number[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const startedAt = performance.now();
    await stored.store.ping();
    base.push(performance.now() - startedAt);
  }
  const p95 = ({ values }: Timing): number => percentile(values, 'p95');
  const slowest = timings.reduce((worst, each) => (p95(each) > p95(worst) ? each : worst));
  return {
    name: `slowest of ${timings.length} ${what} (${slowest.name})`,
    unit: 'ms',
    ours: slowest.values,
    base,
    at: 'p95',
    aim: { of: 'difference', relation: '≤', limit: limitMs },
    breakdown: [
      'each by p95, slowest first:',
      ...[...timings]
        .sort((a, b) => p95(b) - p95(a))
        .slice(0, 5)
        .map(line),
    ],
  };
}

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Actual Total Time': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

/** The last statement of a transaction may be its end. */
function hasPlan({ statement }: Timing): boolean {
  return /^\s*(select|with)\b/i.test(statement.text);
}

/** Where the statement spends its time: the node with the most time of its own. */
async function slowestNode({ pool }: BenchStore, { text, values }: QueryConfig): Promise<string> {
  const { rows } = await pool.query<{ 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }>({
    text: `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
    values,
  });
  const totalOf = (node: PlanNode): number => node['Actual Total Time'] * node['Actual Loops'];
  const ownOf = (node: PlanNode): number =>
    totalOf(node) - (node.Plans ?? []).reduce((total, each) => total + totalOf(each), 0);
  const all = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(all)];
  const [slowest] = (rows[0]?.['QUERY PLAN'] ?? [])
    .flatMap(({ Plan }) => all(Plan))
    .sort((a, b) => ownOf(b) - ownOf(a));
  if (!slowest) return 'no plan';
  const { 'Node Type': type, 'Index Name': index = '', 'Rows Removed by Filter': removed = 0 } = slowest;
  return `${type} ${index}, ${show(ownOf(slowest))} ms of its own, ${removed} rows removed by its filter`;
}

/** Remembers the last statement that any client of this process sent: the store does not show its SQL. */
class StatementRecorder {
  private readonly original = Reflect.get(Client.prototype, 'query') as (...args: unknown[]) => unknown;
  last: QueryConfig = { text: 'SELECT 1' };

  constructor() {
    const { original } = this;
    const note = (config: unknown): void => {
      if (typeof config === 'object' && config !== null && 'text' in config) this.last = config as QueryConfig;
    };
    Reflect.set(Client.prototype, 'query', function (this: Client, ...args: unknown[]): unknown {
      note(args[0]);
      return Reflect.apply(original, this, args);
    });
  }

  close(): void {
    Reflect.set(Client.prototype, 'query', this.original);
  }
}
