import type { RunEvent, RunEventData } from '@crewtab/domain/runs/run-event';
import { isTerminal } from '@crewtab/domain/runs/run';
import type { Usage } from '@crewtab/domain/runs/usage';
import { Counter, Histogram, type Registry } from 'prom-client';

const LAG_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300];
const STEP_BUCKETS_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];
const RUN_BUCKETS_SECONDS = [1, 5, 15, 60, 300, 900, 1_800, 3_600, 7_200, 21_600, 86_400];

/** Agents name them: one that makes names up must not fill the registry. */
const MOST_CURRENCIES = 20;

type Duration = keyof Pick<RunEventData, 'lagMs' | 'queuedMs' | 'deployMs' | 'runMs' | 'teardownMs'>;

/** What is known of runs, counted from their events: over all processes, each event is observed by one. */
export function runMetrics(registry: Registry): (event: RunEvent) => void {
  const registers = [registry];
  const ended = new Counter({
    name: 'crewtab_runs_total',
    help: 'Runs that ended, by status and error code; skipped and missed instants among them.',
    labelNames: ['status', 'code'],
    registers,
  });
  const warned = new Counter({
    name: 'crewtab_run_warnings_total',
    help: 'Warnings of runs whose outcome was decided, by code.',
    labelNames: ['code'],
    registers,
  });
  const tokens = new Counter({
    name: 'crewtab_run_tokens_total',
    help: 'Tokens that the agents of ended runs have reported, by direction; input with what came from a cache.',
    labelNames: ['direction'],
    registers,
  });
  const cost = new Counter({
    name: 'crewtab_run_cost_total',
    help: 'What the agents of ended runs have reported as their cost, by currency.',
    labelNames: ['currency'],
    registers,
  });
  const unreported = new Counter({
    name: 'crewtab_run_usage_incomplete_total',
    help: 'Ended runs whose sums lack something that was not reported, by part: tokens, cost.',
    labelNames: ['part'],
    registers,
  });
  const currencies = new Set<string>();
  const labelOf = (currency: string): string => {
    if (currencies.size < MOST_CURRENCIES) currencies.add(currency);
    return currencies.has(currency) ? currency : 'other';
  };
  const countUsage = ({ inputTokens, outputTokens, cost: known, incomplete }: Usage): void => {
    if (inputTokens !== null) tokens.inc({ direction: 'input' }, inputTokens);
    if (outputTokens !== null) tokens.inc({ direction: 'output' }, outputTokens);
    if (known) cost.inc({ currency: labelOf(known.currency) }, known.amount);
    for (const part of incomplete) unreported.inc({ part });
  };
  const histogram = (name: string, help: string, buckets: number[]): Histogram =>
    new Histogram({ name, help, buckets, registers });
  const histograms: Readonly<Record<Duration, Histogram>> = {
    lagMs: histogram(
      'crewtab_fire_lag_seconds',
      'From the due instant to the stored run, for every run that was fired.',
      LAG_BUCKETS_SECONDS,
    ),
    queuedMs: histogram('crewtab_run_queue_seconds', 'From there until the run began.', STEP_BUCKETS_SECONDS),
    deployMs: histogram(
      'crewtab_run_deploy_seconds',
      'From the beginning until every agent had answered the handshake.',
      STEP_BUCKETS_SECONDS,
    ),
    runMs: histogram('crewtab_run_duration_seconds', 'From the beginning to the terminal status.', RUN_BUCKETS_SECONDS),
    teardownMs: histogram(
      'crewtab_run_teardown_seconds',
      'From the outcome until the engine said that nothing is left.',
      STEP_BUCKETS_SECONDS,
    ),
  };
  return ({ data }) => {
    const { from, to, error } = data;
    const isEnd = to !== undefined && isTerminal(to.status) && to.status !== from?.status;
    if (isEnd) ended.inc({ status: to.status, code: error?.code ?? '' });
    if (data.usage) countUsage(data.usage);
    for (const code of data.warnings ?? []) warned.inc({ code });
    // An instant that is recorded as skipped or missed was not fired.
    const { lagMs, ...rest } = data;
    const measured: Pick<RunEventData, Duration> = to?.status === 'queued' ? { ...rest, lagMs } : rest;
    for (const [name, metric] of Object.entries(histograms)) {
      const ms = measured[name as Duration];
      if (ms !== undefined) metric.observe(ms / 1_000);
    }
  };
}
