import type { SystemState } from '@crewtab/domain/ports/host-store';
import { createMetrics } from './metrics';

const at = new Date('2026-01-05T09:00:00Z');
const process = { hostname: 'm', pid: 1, version: '1', isLive: true, startedAt: at, lastSeenAt: at };
const SYSTEM: SystemState = {
  at,
  hosts: [
    {
      id: 'h',
      runtime: 'docker',
      description: '',
      state: 'live',
      firstSeenAt: at,
      lastSeenAt: at,
      reapedAt: null,
      decommissionedAt: null,
      decommissionedBy: null,
      begunRuns: 3,
      pendingTeardownCount: 2,
    },
  ],
  workers: [
    {
      ...process,
      id: 'w',
      host: 'h',
      capacity: 10,
      heldRuns: 3,
      adoptedRuns: 4,
      refusal: 'not yet',
      reaper: { lastIterationAt: new Date(at.getTime() - 2_000), reapedRuns: 5, unremovedResources: 0, error: null },
      leases: [{ runId: 'r', epoch: 1, phase: 'monitoring', leaseUntil: at }],
    },
  ],
  schedulers: [{ ...process, id: 's', sweeper: { lastIterationAt: new Date(at.getTime() - 1_000), error: null } }],
  pendingTeardowns: [
    { runId: 'r', host: 'h', status: 'failed', since: new Date(at.getTime() - 60_000), failedAttempts: 0, error: null },
  ],
  pendingTeardownCount: 2,
  unheldRuns: 0,
};

describe('createMetrics', () => {
  it('has the default metrics of Node and nothing shared with another registry', async () => {
    const one = createMetrics('scheduler');
    createMetrics('worker').runLost();
    const text = await one.text();
    expect(text).toContain('process_cpu_seconds_total');
    expect(text).not.toContain('process="worker"');
    expect(one.contentType).toContain('text/plain');
  });

  it('reads watched figures at each scrape and forgets the old ones', async () => {
    const metrics = createMetrics('scheduler');
    let depths = [{ queue: 'runs', state: 'wait', jobs: 3 }];
    metrics.watchQueueDepth(() => Promise.resolve(depths));
    metrics.watchActiveRuns(() => Promise.resolve({ queued: 2, running: 5 }));
    const first = await metrics.text();
    expect(first).toContain('crewtab_queue_jobs{queue="runs",state="wait",process="scheduler"} 3');
    expect(first).toContain('crewtab_active_runs{status="running",process="scheduler"} 5');
    depths = [];
    expect(await metrics.text()).not.toContain('queue="runs"');
  });

  it('tells how the system stands, from one read at every scrape', async () => {
    const metrics = createMetrics('scheduler');
    let reads = 0;
    metrics.watchSystem(() => Promise.resolve({ ...SYSTEM, unheldRuns: ++reads }));
    metrics.runLost();
    const text = await metrics.text();
    for (const line of [
      'crewtab_hosts{state="live",process="scheduler"} 1',
      'crewtab_hosts{state="unresponsive",process="scheduler"} 0',
      'crewtab_workers{state="working",process="scheduler"} 0',
      'crewtab_workers{state="refusing",process="scheduler"} 1',
      'crewtab_schedulers{process="scheduler"} 1',
      'crewtab_pending_teardowns{process="scheduler"} 2',
      'crewtab_host_pending_teardowns{host="h",process="scheduler"} 2',
      'crewtab_oldest_pending_teardown_seconds{process="scheduler"} 60',
      'crewtab_unheld_runs{process="scheduler"} 1',
      'crewtab_sweeper_last_iteration_timestamp_seconds{scheduler="s",process="scheduler"} 1767603599',
      'crewtab_reaper_last_iteration_timestamp_seconds{host="h",worker="w",process="scheduler"} 1767603598',
      'crewtab_held_runs{host="h",worker="w",process="scheduler"} 3',
      'crewtab_worker_leases{host="h",worker="w",process="scheduler"} 1',
      'crewtab_worker_adopted_runs{host="h",worker="w",process="scheduler"} 4',
      'crewtab_worker_reaped_runs{host="h",worker="w",process="scheduler"} 5',
      'crewtab_lost_runs_total{process="scheduler"} 1',
    ])
      expect(text.split('\n')).toContain(line);
    expect(await metrics.text()).toContain('crewtab_unheld_runs{process="scheduler"} 2');
  });

  it("tells of the agents' network what is counted elsewhere", async () => {
    const metrics = createMetrics('worker');
    const traffic = { allowed: 3, refused: 2, bytes: 5_000 };
    metrics.watchNetwork(() => traffic);
    await metrics.text();
    traffic.refused = 7;
    const lines = (await metrics.text()).split('\n');
    for (const line of [
      'crewtab_network_requests_total{verdict="allowed",process="worker"} 3',
      'crewtab_network_requests_total{verdict="refused",process="worker"} 7',
      'crewtab_network_bytes_total{process="worker"} 5000',
    ])
      expect(lines).toContain(line);
  });

  it('counts a figure that could not be read and still reports the others', async () => {
    const metrics = createMetrics('scheduler');
    metrics.watchQueueDepth(() => Promise.reject(new Error('no Redis')));
    await metrics.text();
    expect(await metrics.text()).toContain(
      'crewtab_metric_read_failures_total{metric="crewtab_queue_jobs",process="scheduler"}',
    );
  });
});
