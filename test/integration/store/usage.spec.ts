import type { UsageGrouping, UsageReport } from '@crewtab/domain/ports/usage-store';
import type { Claim } from '@crewtab/domain/ports/run-store';
import type { ReportedUsage } from '@crewtab/domain/runs/usage';
import { localDaysBetween } from '@crewtab/domain/schedules/local-days';
import type { Agent } from '@crewtab/domain/teams/team';
import { say, WORKER } from '../../contracts/stores/run-store-fixture';
import { aPreset } from '../../fakes/a-preset';
import { pastTheGuard } from './run-store-subject';
import { StoreFixture } from './store-fixture';

const AGENTS: readonly Agent[] = [
  { name: 'lead', role: 'leader', protocol: 'acp', preset: 'coder' },
  { name: 'writer', role: 'worker', protocol: 'acp', image: 'agent:test', model: 'small' },
];
const report = (inputTokens: number, amount: number | null, currency = 'USD'): ReportedUsage => ({
  ...{ inputTokens, outputTokens: 1, turns: 1, countedTurns: 1 },
  cost: amount === null ? null : { amount, currency },
});

let fixture: StoreFixture;
let organizationId: string;
let teamId: string;

beforeAll(async () => {
  fixture = await StoreFixture.create();
});
afterAll(() => fixture.dispose());
beforeEach(async () => {
  await fixture.empty();
  organizationId = await fixture.organization();
  teamId = await fixture.team(organizationId, AGENTS);
});

/** A run that was given its prompt, due at that instant, of a schedule or without one. */
async function prompted(due: string, scheduleId: string | null): Promise<Claim> {
  const { archive, runs } = fixture.store;
  const run =
    scheduleId === null
      ? await archive.createTry(organizationId, teamId, { prompt: 'go', timeoutMs: 60_000 })
      : await archive.createManualRun(organizationId, scheduleId);
  const runId = run?.id ?? '';
  await pastTheGuard(fixture, 'UPDATE schedule_runs SET scheduled_for = $2 WHERE id = $1', [runId, due]);
  const claimed = await runs.claim(runId, WORKER);
  const claim = { runId, epoch: claimed?.epoch ?? 0 };
  const preset = aPreset({ model: { isRequired: false, default: 'big', examples: [] } });
  await runs.begin(claim, {
    ...{ name: `team-${runId}`, fallbackName: `long-${runId}`, host: WORKER.host, runtime: 'fake' },
    presets: { coder: preset },
  });
  await runs.permitPrompt(claim, say('prompt', 'go'));
  await runs.confirmPrompt(claim);
  return claim;
}

async function reports(claim: Claim, agent: string, usage: ReportedUsage, stdout = 1): Promise<void> {
  const cursor = { from: { stdout: stdout - 1, stderr: 0 }, to: { stdout, stderr: 0 } };
  await fixture.store.runs.appendMessages(claim, [], { agent, ...cursor, usage });
}

async function end(claim: Claim): Promise<void> {
  await fixture.store.runs.conclude(claim, { status: 'success', result: 'done', error: null });
  await fixture.store.runs.finish(claim, {});
}

/** What the writer was asked to do. */
async function delegates({ runId, epoch }: Claim, id: string): Promise<void> {
  await fixture.sql(
    `INSERT INTO delegations (organization_id, run_id, id, from_agent, to_agent, task, opened_at, permit_epoch)
      VALUES ($1, $2, $3, 'lead', 'writer', 'write', now(), $4)`,
    [organizationId, runId, id, epoch],
  );
}

const shown = async ({ runId }: Claim) => (await fixture.store.archive.getRun(organizationId, runId))?.usage;

describe('the usage of a run', () => {
  it('is what its agents have reported so far, and at the end the whole', async () => {
    const claim = await prompted('2026-03-01T10:00:00Z', null);
    expect(await shown(claim)).toBeUndefined();
    await reports(claim, 'lead', { ...report(5, 0.25), turns: 0, countedTurns: 0 });
    const cost = { amount: 0.25, currency: 'USD' };
    expect(await shown(claim)).toEqual({ inputTokens: 5, outputTokens: 1, cost, incomplete: ['tokens', 'cost'] });
    await reports(claim, 'lead', report(9, 0.25), 2);
    await end(claim);
    expect(await shown(claim)).toEqual({ inputTokens: 9, outputTokens: 1, cost, incomplete: [] });
    const { items } = await fixture.store.archive.listRuns(organizationId, {}, { limit: 5, cursor: null });
    expect(items.map(({ usage }) => usage?.inputTokens)).toEqual([9]);
  });

  it('is unknown where nothing was reported, and says where a part of the team told nothing', async () => {
    const silent = await prompted('2026-03-01T10:00:00Z', null);
    await end(silent);
    expect(await shown(silent)).toBeUndefined();
    const team = await prompted('2026-03-01T10:00:00Z', null);
    await delegates(team, 'c1');
    await reports(team, 'lead', report(10, 0.5));
    await end(team);
    expect(await shown(team)).toMatchObject({ inputTokens: 10, incomplete: ['tokens', 'cost'] });
    const deploymentId = (await fixture.store.archive.getRun(organizationId, team.runId))?.deployment?.id ?? '';
    const deployment = await fixture.store.archive.getDeployment(organizationId, deploymentId);
    expect(deployment?.agents.map(({ name, usage }) => [name, usage?.inputTokens, usage?.incomplete])).toEqual([
      ['lead', 10, []],
      ['writer', null, ['tokens', 'cost']],
    ]);
  });

  it('knows that a turn was given which has told nothing', async () => {
    const claim = await prompted('2026-03-01T10:00:00Z', null);
    await delegates(claim, 'c1');
    await delegates(claim, 'c2');
    await reports(claim, 'lead', report(10, 0.5));
    await reports(claim, 'writer', report(3, 0.1));
    await end(claim);
    expect(await shown(claim)).toMatchObject({ inputTokens: 13, incomplete: ['tokens', 'cost'] });
  });

  it('stays when the conversation is deleted, and goes with its run', async () => {
    const scheduleId = (await fixture.schedule({ organizationId, teamId })).id;
    const claims = [await prompted('2026-03-01T10:00:00Z', scheduleId), await prompted('2026-03-02T10:00:00Z', null)];
    for (const claim of claims) {
      await reports(claim, 'lead', report(10, 0.5));
      await end(claim);
    }
    const [, tried] = claims;
    await expect(fixture.sql('DELETE FROM agent_usages')).rejects.toMatchObject({ constraint: 'history_is_kept' });
    await fixture.sql(
      `DO $$ BEGIN
        PERFORM set_config('crewtab.deletes_history', 'on', true);
        DELETE FROM messages; DELETE FROM delegations; DELETE FROM prompt_permits;
      END $$`,
    );
    expect(tried && (await shown(tried))).toMatchObject({ inputTokens: 10, incomplete: [] });
    await fixture.sql(
      `DO $$ BEGIN
        PERFORM set_config('crewtab.deletes_history', 'on', true);
        DELETE FROM deployment_agents; DELETE FROM deployments; DELETE FROM schedule_runs;
      END $$`,
    );
    expect(await fixture.sql('SELECT 1 FROM agent_usages')).toEqual([]);
  });
});

describe('sums', () => {
  const DAYS = localDaysBetween('Europe/Berlin', new Date('2026-02-28T23:00:00Z'), new Date('2026-03-03T23:00:00Z'));
  const sums = (by: UsageGrouping, limit = 20): Promise<UsageReport> =>
    fixture.store.usage.sumUsage(organizationId, { days: DAYS, by, limit });
  const known = ({ runs, inputTokens, costs, unknown, incomplete }: UsageReport['total']) => ({
    ...{ runs, inputTokens, cost: costs.map(({ amount, currency }) => `${amount} ${currency}`).join(' + ') },
    ...{ unknown: unknown.cost, incomplete: incomplete.cost },
  });
  let scheduleId: string;

  beforeEach(async () => {
    scheduleId = (await fixture.schedule({ organizationId, teamId })).id;
    const ended = async (due: string, schedule: string | null, ...usages: [string, ReportedUsage][]): Promise<void> => {
      const claim = await prompted(due, schedule);
      if (usages.some(([agent]) => agent === 'writer')) await delegates(claim, 'c1');
      for (const [agent, usage] of usages) await reports(claim, agent, usage);
      await end(claim);
    };
    // Before midnight in Berlin, and after it; the day before, and the day after the span.
    await ended('2026-03-01T22:59:59Z', scheduleId, ['lead', report(10, 0.1)], ['writer', report(5, 0.2)]);
    await ended('2026-03-01T12:00:00Z', scheduleId, ['lead', report(1, 0.1)], ['writer', report(1, null)]);
    await ended('2026-03-01T23:00:00Z', scheduleId, ['lead', report(20, 1)]);
    await ended('2026-03-02T08:00:00Z', scheduleId, ['lead', report(40, null)]);
    await ended('2026-03-02T09:00:00Z', null, ['lead', report(80, 2, 'EUR')]);
    await ended('2026-03-02T10:00:00Z', null);
    await ended('2026-02-28T22:59:59Z', scheduleId, ['lead', report(1_000, 9)]);
    await ended('2026-03-03T23:00:00Z', scheduleId, ['lead', report(1_000, 9)]);
    // Not ended: no part of any sum.
    const open = await prompted('2026-03-02T11:00:00Z', scheduleId);
    await reports(open, 'lead', report(1_000, 9));
  });

  it('are by day of the zone, each run once, and say of how many nothing is known, or a part', async () => {
    const { total, days } = await sums('schedule');
    expect(known(total)).toEqual({ runs: 6, inputTokens: 157, cost: '2 EUR + 1.4 USD', unknown: 2, incomplete: 1 });
    expect([...days].map(([day, sum]) => [day, known(sum)])).toEqual([
      [0, { runs: 2, inputTokens: 17, cost: '0.4 USD', unknown: 0, incomplete: 1 }],
      [1, { runs: 4, inputTokens: 140, cost: '2 EUR + 1 USD', unknown: 2, incomplete: 0 }],
    ]);
  });

  it('are by schedule, tries together', async () => {
    const { groups, others } = await sums('schedule');
    expect(groups.map(({ id, name, total }) => [id, name, known(total)])).toEqual([
      [null, null, { runs: 2, inputTokens: 80, cost: '2 EUR', unknown: 1, incomplete: 0 }],
      [scheduleId, 'Daily report', { runs: 4, inputTokens: 77, cost: '1.4 USD', unknown: 1, incomplete: 1 }],
    ]);
    expect([...(groups[1]?.days.keys() ?? [])]).toEqual([0, 1]);
    expect(others).toBeNull();
  });

  it('are by team and by model, also that of a preset', async () => {
    const { groups } = await sums('team');
    expect(groups.map(({ id, name }) => [id, name])).toEqual([[teamId, 'Marketing Team']]);
    const byModel = (await sums('model')).groups;
    expect(byModel.map(({ name, preset, model, total }) => [name, preset, model, known(total)])).toEqual([
      ['big', 'coder', 'big', { runs: 6, inputTokens: 151, cost: '2 EUR + 1.2 USD', unknown: 2, incomplete: 0 }],
      ['small', null, 'small', { runs: 2, inputTokens: 6, cost: '0.2 USD', unknown: 1, incomplete: 0 }],
    ]);
  });

  it('beyond the limit are one', async () => {
    const { groups, others, total } = await sums('schedule', 1);
    expect(groups.map(({ id }) => id)).toEqual([null]);
    expect(others).toMatchObject({ groups: 1, total: { runs: 4, inputTokens: 77 } });
    expect(total.runs).toBe(6);
  });

  it('are of their organization', async () => {
    const other = await fixture.organization();
    const { total, groups } = await fixture.store.usage.sumUsage(other, { days: DAYS, by: 'team', limit: 20 });
    expect([total.runs, total.inputTokens, groups]).toEqual([0, null, []]);
  });
});
