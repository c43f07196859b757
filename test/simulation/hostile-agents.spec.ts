import type { AgentScript, Afterwards, HistoryPlan, HostileConduct } from './history-plan';
import { planHistory } from './plan-history';
import { runHistory } from './run-history';

const LEADER: AgentScript = {
  name: 'lead',
  role: 'leader',
  protocol: 'acp',
  conduct: 'works',
  strikesEarly: false,
  afterwards: 'hangs',
  bootMs: 100,
  chunks: 3,
  chunkMs: 300,
  delegations: 0,
  asksPermission: false,
  hosts: [],
  isStubborn: false,
};
const MATE: AgentScript = { ...LEADER, name: 'mate-1', role: 'worker' };

/** An hour of one schedule in which nothing fails but what the leader does. */
function planOf(leader: Partial<AgentScript>): HistoryPlan {
  const plan = planHistory(7);
  const schedule = plan.schedules[0];
  if (!schedule) throw new Error('a plan has schedules');
  const agents = [{ ...LEADER, ...leader }, MATE];
  const script = { ...schedule, everyMinutes: 1, overlap: 'allow' as const, network: 'allowlist' as const };
  return { ...plan, items: [], chaosMs: 90_000, schedules: [{ ...script, timeoutMs: 45_000, agents }] };
}

describe('a hostile agent of a simulated history', () => {
  const cases: [HostileConduct, Afterwards, boolean, string][] = [
    ['writesLongLine', 'answers', false, 'failed line_limit'],
    ['writesLargeBatch', 'exits', false, 'failed batch_limit'],
    ['writesDeepJson', 'hangs', true, 'failed json_limit'],
    ['writesManyMessages', 'answers', false, 'failed message_limit'],
    ['writesManyMessages', 'exits', true, 'failed message_limit'],
    ['writesMuch', 'exits', true, 'failed output_limit'],
    ['writesWithoutEnd', 'hangs', false, 'failed message_limit'],
    ['fillsDisk', 'hangs', false, 'failed disk_limit'],
    ['delegatesLargeTasks', 'hangs', false, 'failed output_limit'],
    ['delegatesManyTasks', 'hangs', false, 'failed message_limit'],
    ['asksForManyHosts', 'hangs', false, 'status timeout'],
  ];

  it.each(cases)('that %s and then %s (early: %s) ends its run as %s and nothing else', async (...of) => {
    const [conduct, afterwards, strikesEarly, end] = of;
    const { counts, violations } = await runHistory(planOf({ conduct, afterwards, strikesEarly }));
    expect(violations).toEqual([]);
    expect(counts['runs']).toBeGreaterThan(0);
    expect(counts[end]).toBe(counts['runs']);
  });

  it('that answers what it was not asked succeeds by its own word alone', async () => {
    const { counts, violations } = await runHistory(planOf({ conduct: 'answersUnasked' }));
    expect(violations).toEqual([]);
    expect(counts['status success']).toBe(counts['runs']);
  });

  it('that asks for many hosts is told of for some of them, and then no more', async () => {
    const { counts, timeline } = await runHistory(planOf({ conduct: 'asksForManyHosts' }), true);
    expect(counts['connection served']).toBeGreaterThanOrEqual(100);
    expect(timeline.length).toBeLessThan(1_000);
  });
});
