import type { SystemState } from '@crewtab/domain/ports/host-store';

type Put = (labels: Record<string, string>, value: number) => void;

interface SystemGauge {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly fill: (state: SystemState, put: Put) => void;
}

/** What an operator watches; the same that GET /api/v1/system tells. Read from the database, so any scheduler tells all of it. */
export const systemGauges: readonly SystemGauge[] = [
  {
    name: 'crewtab_hosts',
    help: 'Worker hosts by state: live, unresponsive (no heartbeat for 15 s) or decommissioned.',
    labelNames: ['state'],
    fill: ({ hosts }, put) => {
      for (const state of ['live', 'unresponsive', 'decommissioned'])
        put({ state }, hosts.filter((host) => host.state === state).length);
    },
  },
  {
    name: 'crewtab_workers',
    help: 'Workers that are there, by whether they take work; one that refuses says why in its log and in /api/v1/system.',
    labelNames: ['state'],
    fill: ({ workers }, put) => {
      const live = workers.filter(({ isLive }) => isLive);
      put({ state: 'working' }, live.filter(({ refusal }) => refusal === null).length);
      put({ state: 'refusing' }, live.filter(({ refusal }) => refusal !== null).length);
    },
  },
  {
    name: 'crewtab_schedulers',
    help: 'Schedulers that are there.',
    labelNames: [],
    fill: ({ schedulers }, put) => put({}, schedulers.filter(({ isLive }) => isLive).length),
  },
  {
    name: 'crewtab_unheld_runs',
    help: 'Runs that have begun and that no living worker holds.',
    labelNames: [],
    fill: ({ unheldRuns }, put) => put({}, unheldRuns),
  },
  {
    name: 'crewtab_pending_teardowns',
    help: 'Runs whose containers are not yet removed and verified gone.',
    labelNames: [],
    fill: ({ pendingTeardownCount }, put) => put({}, pendingTeardownCount),
  },
  {
    name: 'crewtab_host_pending_teardowns',
    help: 'Of those, the ones that a host owes.',
    labelNames: ['host'],
    fill: ({ hosts }, put) => {
      for (const { id, pendingTeardownCount } of hosts) put({ host: id }, pendingTeardownCount);
    },
  },
  {
    name: 'crewtab_oldest_pending_teardown_seconds',
    help: 'Age of the oldest pending teardowns; 0 without one.',
    labelNames: [],
    fill: ({ at, pendingTeardowns }, put) => {
      const since = pendingTeardowns[0]?.since ?? at;
      put({}, Math.max(0, (at.getTime() - since.getTime()) / 1_000));
    },
  },
  {
    name: 'crewtab_sweeper_last_iteration_timestamp_seconds',
    help: "When a scheduler's sweeper last completed an iteration.",
    labelNames: ['scheduler'],
    fill: ({ schedulers }, put) => {
      for (const { id, isLive, sweeper } of schedulers)
        if (isLive && sweeper.lastIterationAt) put({ scheduler: id }, sweeper.lastIterationAt.getTime() / 1_000);
    },
  },
  {
    name: 'crewtab_reaper_last_iteration_timestamp_seconds',
    help: "When a worker's reaper last completed an iteration over its host.",
    labelNames: ['host', 'worker'],
    fill: ({ workers }, put) => {
      for (const { id, host, isLive, reaper } of workers)
        if (isLive && reaper.lastIterationAt) put({ host, worker: id }, reaper.lastIterationAt.getTime() / 1_000);
    },
  },
  {
    name: 'crewtab_held_runs',
    help: 'Runs that a worker says it holds.',
    labelNames: ['host', 'worker'],
    fill: ({ workers }, put) => {
      for (const { id, host, isLive, heldRuns } of workers) if (isLive) put({ host, worker: id }, heldRuns);
    },
  },
  {
    name: 'crewtab_worker_leases',
    help: 'Runs that the database has leased to a worker, also to one that gives no heartbeat any more.',
    labelNames: ['host', 'worker'],
    fill: ({ workers }, put) => {
      for (const { id, host, isLive, leases } of workers)
        if (isLive || leases.length > 0) put({ host, worker: id }, leases.length);
    },
  },
  {
    name: 'crewtab_worker_adopted_runs',
    help: 'Runs that a worker has taken over from others since its start.',
    labelNames: ['host', 'worker'],
    fill: ({ workers }, put) => {
      for (const { id, host, isLive, adoptedRuns } of workers) if (isLive) put({ host, worker: id }, adoptedRuns);
    },
  },
  {
    name: 'crewtab_worker_reaped_runs',
    help: "Runs whose leftovers a worker's reaper has removed since the worker's start.",
    labelNames: ['host', 'worker'],
    fill: ({ workers }, put) => {
      for (const { id, host, isLive, reaper } of workers) if (isLive) put({ host, worker: id }, reaper.reapedRuns);
    },
  },
];
