import type { RunEventData, RunEventType } from '@crewtab/domain/runs/run-event';
import { createMetrics } from './metrics';

const about = { organizationId: 'o', scheduleId: 's', runId: 'r', at: new Date('2026-01-05T09:00:00Z') };
const queued = { status: 'queued', phase: 'queued' } as const;
const running = { status: 'running', phase: 'deploying' } as const;

async function linesAfter(...events: (readonly [RunEventType, Omit<RunEventData, 'epoch'>])[]): Promise<string[]> {
  const metrics = createMetrics('scheduler');
  for (const [type, data] of events) metrics.runEvent({ ...about, type, data: { epoch: 1, ...data } });
  return (await metrics.text()).split('\n');
}

describe('metrics of runs', () => {
  it('count each end once, by status and code', async () => {
    const failed = { status: 'failed', phase: 'tearing_down' } as const;
    const error = { code: 'agent_exited', message: 'ended' } as const;
    const lines = await linesAfter(
      ['run.status', { to: queued }],
      ['run.status', { from: queued, to: running }],
      ['run.status', { from: running, to: failed, error }],
      ['run.phase', { from: failed, to: { ...failed, phase: 'finished' } }],
      ['run.status', { from: running, to: { status: 'success', phase: 'finished' } }],
      ['run.status', { to: { status: 'missed', phase: 'finished' }, error: { code: 'missed', message: 'late' } }],
    );
    expect(lines.filter((line) => line.startsWith('crewtab_runs_total{'))).toEqual([
      'crewtab_runs_total{status="failed",code="agent_exited",process="scheduler"} 1',
      'crewtab_runs_total{status="success",code="",process="scheduler"} 1',
      'crewtab_runs_total{status="missed",code="missed",process="scheduler"} 1',
    ]);
  });

  it('count the warnings that come with outcomes, by code', async () => {
    const ending = { status: 'running', phase: 'tearing_down' } as const;
    const lines = await linesAfter(
      ['run.phase', { from: running, to: ending, warnings: ['output_cut', 'unknown_update'] }],
      ['run.phase', { from: running, to: ending, warnings: ['output_cut'] }],
      ['run.phase', { from: running, to: ending }],
    );
    expect(lines.filter((line) => line.startsWith('crewtab_run_warnings_total{'))).toEqual([
      'crewtab_run_warnings_total{code="output_cut",process="scheduler"} 2',
      'crewtab_run_warnings_total{code="unknown_update",process="scheduler"} 1',
    ]);
  });

  it('sum up what ended runs used, and count those of which something is not known', async () => {
    const end = { status: 'success', phase: 'finished' } as const;
    const dollars = { amount: 0.5, currency: 'USD' };
    const lines = await linesAfter(
      [
        'run.status',
        { from: running, to: end, usage: { inputTokens: 10, outputTokens: 2, cost: dollars, incomplete: [] } },
      ],
      [
        'run.status',
        { from: running, to: end, usage: { inputTokens: 5, outputTokens: 1, cost: null, incomplete: ['cost'] } },
      ],
      [
        'run.status',
        {
          from: running,
          to: end,
          usage: { inputTokens: null, outputTokens: null, cost: dollars, incomplete: ['tokens'] },
        },
      ],
      ['run.status', { from: running, to: end }],
    );
    expect(lines.filter((line) => /^crewtab_run_(tokens|cost|usage)\w*\{/.test(line))).toEqual([
      'crewtab_run_tokens_total{direction="input",process="scheduler"} 15',
      'crewtab_run_tokens_total{direction="output",process="scheduler"} 3',
      'crewtab_run_cost_total{currency="USD",process="scheduler"} 1',
      'crewtab_run_usage_incomplete_total{part="cost",process="scheduler"} 1',
      'crewtab_run_usage_incomplete_total{part="tokens",process="scheduler"} 1',
    ]);
  });

  it('tell no more currencies apart than a registry has room for', async () => {
    const end = { status: 'success', phase: 'finished' } as const;
    const names = Array.from({ length: 30 }, (_, n) => `C${String.fromCharCode(65 + n / 26, 65 + (n % 26))}`);
    const events = names.map((currency) => {
      const usage = { inputTokens: null, outputTokens: null, cost: { amount: 1, currency }, incomplete: [] };
      return ['run.status', { from: running, to: end, usage }] as const;
    });
    const costs = (await linesAfter(...events)).filter((line) => line.startsWith('crewtab_run_cost_total{'));
    expect(costs).toHaveLength(21);
    expect(costs.at(-1)).toBe('crewtab_run_cost_total{currency="other",process="scheduler"} 10');
  });

  it('measure how long each step took, in seconds', async () => {
    const lines = await linesAfter(
      ['run.status', { to: queued, lagMs: 20 }],
      ['run.status', { from: queued, to: running, queuedMs: 300 }],
      ['run.phase', { from: running, to: { ...running, phase: 'prompting' }, deployMs: 700 }],
      ['teardown.verified', { teardownMs: 400 }],
      ['run.status', { from: running, to: { status: 'success', phase: 'finished' }, runMs: 60_000 }],
    );
    for (const [name, seconds] of [
      ['crewtab_fire_lag_seconds', 0.02],
      ['crewtab_run_queue_seconds', 0.3],
      ['crewtab_run_deploy_seconds', 0.7],
      ['crewtab_run_duration_seconds', 60],
      ['crewtab_run_teardown_seconds', 0.4],
    ] as const) {
      expect(lines).toContain(`${name}_count{process="scheduler"} 1`);
      expect(lines).toContain(`${name}_sum{process="scheduler"} ${seconds}`);
    }
  });

  it('take no instant that never ran for one that was fired late', async () => {
    const lines = await linesAfter(['run.status', { to: { status: 'missed', phase: 'finished' }, lagMs: 3_600_000 }]);
    expect(lines).toContain('crewtab_fire_lag_seconds_count{process="scheduler"} 0');
  });
});
