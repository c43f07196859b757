import { createMetrics } from './metrics';

describe('createMetrics', () => {
  it('has the default metrics of Node and nothing shared with another registry', async () => {
    const one = createMetrics('scheduler');
    createMetrics('worker').runFinished('failed', 1_000);
    const text = await one.text();
    expect(text).toContain('process_cpu_seconds_total');
    expect(text).not.toContain('status="failed"');
    expect(one.contentType).toContain('text/plain');
  });

  it('counts what happens to runs, in seconds', async () => {
    const metrics = createMetrics('worker');
    metrics.runFired('schedule', 20);
    metrics.runBegun(300);
    metrics.runFinished('success', 61_000);
    metrics.runFinished('skipped', null);
    const text = await metrics.text();
    expect(text).toContain('crewtab_runs_fired_total{trigger="schedule",process="worker"} 1');
    expect(text).toMatch(/crewtab_fire_lag_seconds_sum\{process="worker"\} 0.02/);
    expect(text).toMatch(/crewtab_run_duration_seconds_bucket\{.*le="120".*status="success".*\} 1/);
    expect(text).toContain('crewtab_runs_finished_total{status="skipped",process="worker"} 1');
    expect(text).not.toMatch(/crewtab_run_duration_seconds_count\{status="skipped"/);
  });

  it('reads watched figures at each scrape and forgets the old ones', async () => {
    const metrics = createMetrics('scheduler');
    let depths = [{ queue: 'runs', state: 'wait', jobs: 3 }];
    metrics.watchQueueDepth(() => Promise.resolve(depths));
    metrics.watchHeldRuns(() => 4);
    metrics.watchActiveRuns(() => Promise.resolve({ queued: 2, running: 5 }));
    const first = await metrics.text();
    expect(first).toContain('crewtab_queue_jobs{queue="runs",state="wait",process="scheduler"} 3');
    expect(first).toContain('crewtab_held_runs{process="scheduler"} 4');
    expect(first).toContain('crewtab_active_runs{status="running",process="scheduler"} 5');
    depths = [];
    expect(await metrics.text()).not.toContain('queue="runs"');
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
