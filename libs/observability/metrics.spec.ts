import { createMetrics } from './metrics';

describe('createMetrics', () => {
  it('has the default metrics of Node and nothing shared with another registry', async () => {
    const one = createMetrics('scheduler');
    createMetrics('worker').runFired(1_000);
    const text = await one.text();
    expect(text).toContain('process_cpu_seconds_total');
    expect(text).not.toContain('process="worker"');
    expect(one.contentType).toContain('text/plain');
  });

  it('measures the lag of what was fired, in seconds', async () => {
    const metrics = createMetrics('scheduler');
    metrics.runFired(20);
    const text = await metrics.text();
    expect(text).toContain('crewtab_fire_lag_seconds_count{process="scheduler"} 1');
    expect(text).toMatch(/crewtab_fire_lag_seconds_sum\{process="scheduler"\} 0.02/);
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

  it('counts a figure that could not be read and still reports the others', async () => {
    const metrics = createMetrics('scheduler');
    metrics.watchQueueDepth(() => Promise.reject(new Error('no Redis')));
    await metrics.text();
    expect(await metrics.text()).toContain(
      'crewtab_metric_read_failures_total{metric="crewtab_queue_jobs",process="scheduler"}',
    );
  });
});
