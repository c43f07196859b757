import { createHash, randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { Crewtab } from '../e2e/support/crewtab';
import { saidIn } from '../kit/client';
import { startNode } from '../kit/processes';
import { describeWithDocker } from '../kit/services/docker';
import { endRun } from './support/hostile-run';

const SECRET = 'the secret of the leader';
const NEVER = '0 0 1 1 *';
const [OLD, NEW] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
/** As docs/operations.md has it: every process knows both keys before the new one becomes the current one. */
const BEFORE = { CREWTAB_ENCRYPTION_KEY: OLD, CREWTAB_FORMER_ENCRYPTION_KEY: NEW };
const AFTER = { CREWTAB_ENCRYPTION_KEY: NEW, CREWTAB_FORMER_ENCRYPTION_KEY: OLD };
const TELL = 'shell echo "it is <$TOKEN>"';

jest.setTimeout(180_000);

describeWithDocker('13. sealed values in the database', () => {
  let crewtab: Crewtab;

  beforeAll(async () => {
    crewtab = await Crewtab.start({ schedulerEnv: BEFORE, workerEnv: BEFORE });
  });

  afterAll(() => (crewtab as Crewtab | undefined)?.stop());

  /** A team whose leader has a secret, and a schedule of it. */
  async function team(env: Readonly<Record<string, string>>, prompt: string) {
    const helper = { ...crewtab.leader({ env: { TOKEN: 'of the helper' } }), name: 'helper', role: 'worker' as const };
    const { id } = await crewtab.api.createTeam({ name: 'Sealed', agents: [crewtab.leader({ env }), helper] });
    const schedule = await crewtab.api.createSchedule({ teamId: id, name: 'x', prompt, cron: NEVER });
    return { teamId: id, scheduleId: schedule.id };
  }

  it('are sealed with a new key while a run is active, which the next worker takes over with its secret', async () => {
    const { api } = crewtab;
    const { scheduleId } = await team({ TOKEN: SECRET }, `answer begun\nwork 12s\n${TELL}`);
    const run = await api.trigger(scheduleId);
    await api.untilRun(run.id, async () => saidIn(await api.messages(run.id)).includes('begun'));
    await crewtab.startWorker(AFTER);
    expect(await reseal()).toEqual(expect.stringContaining('Everything is sealed with the current key'));
    crewtab.workers[0]?.kill('SIGKILL');
    const { run: ended, said } = await endRun(crewtab, run);
    expect(ended.status).toBe('success');
    expect(said).toContain(`it is <${SECRET}>`);
    const keyId = createHash('sha256').update(Buffer.from(OLD, 'hex')).digest('hex').slice(0, 8);
    const sealed = await crewtab.sql<{ text: string }>(
      `SELECT sealed_env AS text FROM agents UNION ALL
       SELECT a ->> 'sealedEnv' FROM schedule_runs, jsonb_array_elements(agents) a WHERE id = $1`,
      [run.id],
    );
    expect(sealed.length).toBeGreaterThanOrEqual(4);
    expect(sealed.filter(({ text }) => text.includes(`:${keyId}:`))).toEqual([]);
  });

  it('open nothing for another agent or team, and keep a run from starting without them', async () => {
    const victim = await team({ TOKEN: SECRET }, TELL);
    const thief = await team({ TOKEN: 'of the thief' }, TELL);
    const swaps = [
      // To the teammate, whose text is the thief's to choose.
      `UPDATE agents SET sealed_env = (SELECT v.sealed_env FROM agents v WHERE v.team_id = $1 AND v.role = 'leader')
        WHERE team_id = $1 AND role = 'worker' AND $2::uuid IS NOT NULL`,
      `UPDATE agents SET sealed_env = (SELECT v.sealed_env FROM agents v WHERE v.team_id = $1 AND v.role = 'leader')
        WHERE team_id = $2 AND role = 'leader'`,
    ];
    for (const swap of swaps) await crewtab.sql(swap, [victim.teamId, thief.teamId]);
    for (const { scheduleId } of [victim, thief]) {
      const { run, said } = await endRun(crewtab, await crewtab.api.trigger(scheduleId));
      expect(run).toMatchObject({ status: 'failed', teardown: { containers: 0 } });
      expect(run.error?.message).toContain('was altered, or moved from another place');
      expect(said).not.toContain(SECRET);
      expect(JSON.stringify(await crewtab.api.messages(run.id))).not.toContain(SECRET);
    }
  });

  async function reseal(): Promise<string> {
    const env = { DATABASE_URL: crewtab.databaseUrl, ...AFTER };
    const resealing = startNode('reseal', [resolve('dist/apps/scheduler/src/reseal.js')], { env });
    expect(await resealing.exited).toMatchObject({ code: 0 });
    return resealing.lines.join('\n');
  }
});
