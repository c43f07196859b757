import type { Browser, Page } from 'playwright-core';
import { findBarriers, launchBrowser, openWatched, untilAtRest } from './support/browser';
import { DemoInstallation } from './support/demo-installation';

jest.setTimeout(180_000);

const OUTAGE_MINUTES = 25;
/** More than a page holds at once; each is a row. */
const LONG_MESSAGES = 3_000;
const LONG_TALK = `WITH run AS (UPDATE schedule_runs SET last_seq = $2 WHERE id = $1 RETURNING *),
    gone AS (DELETE FROM messages WHERE run_id = $1 AND seq > $2)
  INSERT INTO messages (organization_id, run_id, seq, agent, kind, content, at, message_id)
  SELECT organization_id, id, seq, 'agent', 'agent_message', jsonb_build_object('text', 'word ' || seq), started_at, seq
  FROM run, generate_series(1, $2::int) AS seq
  ON CONFLICT (run_id, seq) DO UPDATE SET agent = excluded.agent, kind = excluded.kind, content = excluded.content,
    message_id = excluded.message_id, tool_call_id = NULL, session = NULL, turn = NULL, block = NULL`;
const KEPT_RUN = `UPDATE schedule_runs SET artifacts = '["out/*"]', artifact_count = 2, artifact_bytes = 2100, last_seq = last_seq + 1
  WHERE id = $1`;
const KEPT_FILES = `INSERT INTO artifacts (organization_id, run_id, path, bytes, digest, content_type, key)
  SELECT organization_id, id, file.path, file.bytes, repeat('d', 64), file.kind, file.path
  FROM schedule_runs, (VALUES ('out/report.md', 2000, 'text/markdown'), ('out/dead-links.csv', 100, 'text/csv')) AS file (path, bytes, kind)
  WHERE id = $1`;
const KEPT_MESSAGE = `INSERT INTO messages (organization_id, run_id, seq, kind, content, at)
  SELECT organization_id, id, last_seq, 'artifact', jsonb_build_object('text', '2 files were kept.', 'count', 2, 'bytes', 2100,
    'artifacts', jsonb_build_array(jsonb_build_object('path', 'out/report.md'), jsonb_build_object('path', 'out/dead-links.csv'))), finished_at
  FROM schedule_runs WHERE id = $1`;
let demo: DemoInstallation;
let browser: Browser;
let page: Page;
let complaints: string[];

describe('a month of history, in a browser', () => {
  beforeAll(async () => {
    demo = await DemoInstallation.start();
    browser = await launchBrowser();
    ({ page, complaints } = await logIn());
  });
  afterAll(async () => {
    await browser?.close();
    await demo?.stop();
  });

  async function logIn(): Promise<{ readonly page: Page; readonly complaints: string[] }> {
    const { code } = await demo.api.request('POST /session/codes');
    const opened = await openWatched(browser, `${demo.api.baseUrl}/#code=${code}`);
    await opened.page.getByRole('heading', { name: 'Now' }).waitFor();
    return opened;
  }

  it('a schedule is built by picking and typing', async () => {
    await page.goto(`${demo.api.baseUrl}/schedules/new`);
    await page.getByLabel('Name', { exact: true }).fill('late links');
    await page.getByLabel('Prompt', { exact: true }).fill('report');
    const cron = page.getByLabel('When');
    await cron.fill('61 2 * * *');
    await page.getByText('minute: "61" is out of range').waitFor();
    await page.getByLabel('How often').selectOption('monthly');
    expect(await cron.inputValue()).toBe('0 9 1 * *');
    await cron.fill('30 2 * * 1-5');
    expect(await page.getByLabel('How often').inputValue()).toBe('weekly');
    await page.getByText('At 02:30 AM, Monday through Friday').first().waitFor();
    await page.getByRole('button', { name: 'Create schedule' }).click();
    await page.getByRole('heading', { name: 'late links' }).waitFor();
    // The browser itself notes what the API refused: the cron.
    expect(complaints.splice(0).filter((complaint) => !/status of 400/.test(complaint))).toEqual([]);
  });

  it('two people who edit one schedule keep what each of them changed, and choose where both did', async () => {
    const { id } = await scheduleNamed('late links');
    const other = await logIn();
    for (const one of [page, other.page]) {
      await one.goto(`${demo.api.baseUrl}/schedules/${id}/edit`);
      await one.getByLabel('Prompt', { exact: true }).waitFor();
    }
    await other.page.getByLabel('Timeout').fill('5m');
    await other.page.getByLabel('Prompt', { exact: true }).fill('theirs');
    await other.page.getByRole('button', { name: 'Save' }).click();
    await other.page.getByRole('heading', { name: 'late links' }).waitFor();
    await page.getByLabel('Time zone').fill('Asia/Tokyo');
    await page.getByLabel('Prompt', { exact: true }).fill('mine');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Another person has set this to').waitFor();
    expect(await page.getByLabel('Timeout').inputValue()).toBe('5m');
    await page.getByRole('button', { name: 'Keep mine' }).click();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.waitForURL(`${demo.api.baseUrl}/schedules/${id}`);
    expect(await demo.api.schedule(id)).toMatchObject({
      ...{ prompt: 'mine', timeout: '5m', timezone: 'Asia/Tokyo', cron: '30 2 * * 1-5', revision: 3 },
    });
    // The browser itself notes the 412.
    expect(complaints.splice(0).filter((complaint) => !/status of 412/.test(complaint))).toEqual([]);
    expect(other.complaints).toEqual([]);
    await other.page.context().close();
  });

  it('the ledger tells of a pause with its note, and of what an outage missed', async () => {
    const { id } = await demo.api.request('PATCH /schedules/:id', {
      params: { id: (await scheduleNamed('late links')).id },
      body: { cron: '*/5 * * * *', catchUp: 'none', overlap: 'allow' },
    });
    await page.goto(`${demo.api.baseUrl}/schedules/${id}`);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByLabel('Note').fill('until the key is there');
    await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click();
    await page.getByText('“until the key is there”').first().waitFor();
    await page.getByRole('listitem').filter({ hasText: 'paused' }).first().waitFor();
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Resume' }).click();
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    // As if no scheduler had been there since: the next one finds what was due.
    await demo.restartScheduler(() =>
      demo.sql(
        `UPDATE schedules SET next_fire_at = date_bin('5 min', now(), 'epoch') - make_interval(mins => $2),
           following_fire_at = date_bin('5 min', now(), 'epoch') - make_interval(mins => $2 - 5) WHERE id = $1`,
        [id, OUTAGE_MINUTES],
      ),
    );
    const missed = page.getByRole('listitem').filter({ hasText: /no scheduler ran from .+ to / });
    await missed.first().waitFor();
    expect(await missed.count()).toBeGreaterThanOrEqual(4);
    await missed.first().getByRole('link').click();
    await page.getByText('missed', { exact: true }).first().waitFor();
    expect(complaints.splice(0).filter((complaint) => !/ERR_CONNECTION_REFUSED/.test(complaint))).toEqual([]);
  });

  it('a long conversation is read on from the message that an address leads to', async () => {
    const run = (await demo.api.request('GET /runs', { query: { status: 'success', limit: 1 } })).items[0];
    await demo.rewrite((client) => client.query(LONG_TALK, [run?.id, LONG_MESSAGES]));
    await page.goto(`${demo.api.baseUrl}/runs/${run?.id}?at=1500`);
    await page.getByText('messages 1,250 to 1,749 of 3,000').waitFor();
    await page.getByText('word 1500', { exact: true }).hover();
    const word = page.getByText('word 1800', { exact: true });
    for (let turn = 0; turn < 100 && !(await word.isVisible()); turn++) {
      await page.mouse.wheel(0, 300);
      await untilNextFrame(page);
    }
    await word.waitFor();
    await page.getByText('messages 1,250 to 2,249 of 3,000').waitFor();
    await page.getByRole('button', { name: 'End', exact: true }).click();
    await page.getByText('word 3000', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Beginning' }).click();
    await page.getByText('word 1', { exact: true }).waitFor();
    await page.getByLabel('Search the conversation').fill('word 2222');
    await page.getByText('1', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'The next hit' }).click();
    await page.getByText('word 2222', { exact: true }).waitFor();
    expect(complaints.splice(0)).toEqual([]);
  });

  it('a search finds what the level hides, shows it, and marks its words', async () => {
    const { runId, text } = await thoughtOfAnyRun();
    await page.goto(`${demo.api.baseUrl}/runs/${runId}`);
    await page.getByRole('feed', { name: 'Conversation' }).getByRole('article').first().waitFor();
    const thought = page.getByRole('article').filter({ hasText: text });
    expect(await thought.count()).toBe(0);
    await page.getByLabel('Search the conversation').fill(text);
    await page.getByRole('button', { name: 'The next hit' }).click();
    await thought.waitFor();
    await page.waitForFunction(`CSS.highlights.get('search-hit')?.size > 0`);
    expect(complaints.splice(0)).toEqual([]);
  });

  it('the lanes of a run lead to what was said by its marks', async () => {
    const { runId } = await thoughtOfAnyRun();
    await page.goto(`${demo.api.baseUrl}/runs/${runId}?level=all`);
    const lanes = page.getByRole('application', { name: /^Agents over time/ });
    await lanes.focus();
    for (const key of ['ArrowRight', 'ArrowRight', 'Enter']) await page.keyboard.press(key);
    await page.waitForURL(/[?&]at=\d+/);
    expect(await page.getByRole('table', { name: 'Agents over time' }).getByRole('row').count()).toBeGreaterThan(1);
    expect(complaints.splice(0)).toEqual([]);
  });

  it('files that were kept stand in the conversation and beside the result', async () => {
    const { runId } = await thoughtOfAnyRun();
    await demo.rewrite(async (client) => {
      await client.query(KEPT_RUN, [runId]);
      await client.query(KEPT_FILES, [runId]);
      await client.query(KEPT_MESSAGE, [runId]);
    });
    await page.goto(`${demo.api.baseUrl}/runs/${runId}`);
    const told = page.getByRole('article').filter({ hasText: 'kept 2 files' });
    for (const place of [told, page.locator('section', { has: page.getByRole('heading', { name: 'Files' }) })])
      for (const name of ['out/report.md', 'out/dead-links.csv'])
        await place.getByText(name, { exact: true }).waitFor();
    expect(await findBarriers(page)).toEqual([]);
    expect(complaints.splice(0)).toEqual([]);
  });

  it('a range that is not valid is asked for once', async () => {
    await page.goto(`${demo.api.baseUrl}/runs`);
    await untilAtRest(page);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.getByRole('button', { name: 'Ranges' }).click();
    await page.getByLabel('Took at least').fill('soon');
    await page.keyboard.press('Enter');
    await page.getByText('A range above is not valid').waitFor();
    await untilAtRest(page);
    expect(asked.filter((address) => /\/api\/.*minDuration=soon/.test(address))).toHaveLength(1);
    expect(complaints.splice(0).filter((complaint) => !/status of 400/.test(complaint))).toEqual([]);
  });

  it('axe finds nothing serious on any page, light and dark', async () => {
    const { id } = await scheduleNamed('Nightly links');
    const runs = (await demo.api.request('GET /runs', { query: { limit: 100 } })).items;
    const statuses = ['success', 'failed', 'running', 'queued', 'missed', 'skipped', 'timeout', 'cancelled'];
    const ended = statuses.flatMap((status) => runs.find((run) => run.status === status)?.id ?? []);
    const [team] = (await demo.api.request('GET /teams')).items;
    const tabs = ['ledger', 'results', 'runs', 'prompt', 'settings', 'revisions'];
    const paths = [
      ...[
        '/',
        '/runs',
        '/runs?sort=costliest&minDuration=soon',
        '/runs?sort=longest',
        '/schedules',
        '/schedules/new',
        '/teams',
        '/teams/new',
        '/teams/secrets',
        '/usage',
        '/usage?by=model&days=90',
        '/system',
        '/settings',
      ],
      ...['/help', '/help/agent_error', '/help/failed', '/help/no-such-word', '/runs/no-such-run'],
      ...ended.map((run) => `/runs/${run}?level=all`),
      ...['lanes', 'agenda', 'hours'].map((view) => `/calendar?view=${view}`),
      ...[...tabs.map((tab) => `/schedules/${id}?tab=${tab}`), `/schedules/${id}/edit`],
      ...[`/teams/${team?.id}`, `/teams/${team?.id}/edit`],
    ];
    const barriers: string[] = [];
    const look = async (): Promise<void> => {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        barriers.push(...(await findBarriers(page)));
      }
    };
    for (const path of paths) {
      await page.goto(`${demo.api.baseUrl}${path}`);
      await untilAtRest(page);
      await look();
    }
    await page.goto(`${demo.api.baseUrl}/settings`);
    await page.getByRole('button', { name: 'Log out', exact: true }).click();
    await page.getByLabel('API key').waitFor();
    await look();
    expect(barriers).toEqual([]);
    // The browser itself notes the run that is not there.
    expect(complaints.splice(0).filter((complaint) => !/status of 40[04]/.test(complaint))).toEqual([]);
  }, 360_000);
});

async function scheduleNamed(q: string): Promise<{ readonly id: string }> {
  const [schedule] = (await demo.api.request('GET /schedules', { query: { q } })).items;
  if (!schedule) throw new Error(`there is no schedule ${q}`);
  return schedule;
}

/** A thought stands once in its run, and is hidden at first. */
async function thoughtOfAnyRun(): Promise<{ readonly runId: string; readonly text: string }> {
  const runs = (await demo.api.request('GET /runs', { query: { status: 'success', limit: 50 } })).items;
  for (const { id } of runs) {
    const query = { kind: 'agent_thought', limit: 1 };
    const [thought] = (await demo.api.request('GET /runs/:id/messages', { params: { id }, query })).items;
    if (thought) return { runId: id, text: String(thought.content['text']) };
  }
  throw new Error('no agent of the demo has thought anything');
}

function untilNextFrame(on: Page): Promise<void> {
  return on.evaluate('new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))');
}
