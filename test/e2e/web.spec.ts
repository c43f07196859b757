import { existsSync, readFileSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';
import { describeWithDocker } from '../kit/services/docker';
import { Crewtab } from './support/crewtab';

/** Debian's; CHROMIUM names another one. */
const PROGRAM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
/** A bound for busy machines. */
const WITHIN_MS = 30_000;

let crewtab: Crewtab;
let browser: Browser;

/** Fails the test with what the page complained about: a script's fault, a policy that was violated, a file that is missing. */
async function openWatched(address: string): Promise<{ readonly page: Page; readonly complaints: string[] }> {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  page.setDefaultTimeout(WITHIN_MS);
  const complaints: string[] = [];
  const origin = new URL(address).origin;
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`)) complaints.push(`asked another host: ${request.url()}`);
  });
  await page.goto(address);
  return { page, complaints };
}

/** What axe finds on the page that keeps people from using it. */
async function findBarriers(page: Page): Promise<string[]> {
  await page.evaluate(readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'));
  const { violations } = await page.evaluate<{ violations: AxeViolation[] }>(
    "axe.run(document, { resultTypes: ['violations'] })",
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${page.url()} ${id}: ${help}\n${nodes.map(({ html }) => html).join('\n')}`);
}

interface AxeViolation {
  readonly id: string;
  readonly impact: string | null;
  readonly help: string;
  readonly nodes: readonly { readonly html: string }[];
}

describeWithDocker('the pages, in a browser', () => {
  beforeAll(async () => {
    if (!existsSync(PROGRAM)) throw new Error(`there is no ${PROGRAM}: apt-get install chromium, or set CHROMIUM`);
    crewtab = await Crewtab.start();
    browser = await chromium.launch({ executablePath: PROGRAM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  });
  afterAll(async () => {
    await browser?.close();
    await crewtab?.stop();
  });

  it('a person logs in with a code, runs a schedule, watches it to its success, and logs out', async () => {
    const { api } = crewtab;
    const team = await api.createTeam({ name: 'Demo team', agents: [crewtab.leader()] });
    const name = 'Morning report <b>';
    await api.createSchedule({ teamId: team.id, name, prompt: 'report', cron: '0 9 * * 1-5', timeout: '2m' });
    const { code } = await api.request('POST /session/codes');

    const { page, complaints } = await openWatched(`${api.baseUrl}/#code=${code}`);
    await page.getByRole('heading', { name: 'Now' }).waitFor();
    expect(page.url()).toBe(`${api.baseUrl}/`);
    await page.getByText('live', { exact: true }).waitFor();

    await page.getByRole('link', { name: 'Schedules' }).click();
    await page.getByText('At 09:00 AM, Monday through Friday').waitFor();
    await page.getByRole('button', { name: 'Run now' }).click();
    const conversation = page.getByRole('feed', { name: 'Conversation' });
    await conversation.getByText('I will write a short report').waitFor();
    await page.getByText('success', { exact: true }).waitFor();
    await page.getByRole('heading', { name: 'Report: harbour-lights' }).first().waitFor();
    await page.getByText(/verified clean/).waitFor();
    expect(await page.title()).toBe(`success: ${name} · Crewtab`);

    await page.reload();
    await page.getByRole('heading', { name: 'Report: harbour-lights' }).first().waitFor();
    await page.getByRole('link', { name: 'Runs' }).first().click();
    await page.getByRole('link', { name }).waitFor();

    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByRole('button', { name: 'Log out', exact: true }).click();
    await page.getByLabel('API key').waitFor();
    expect(await crewtab.sql('SELECT id FROM sessions')).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('axe finds nothing serious on any page, light and dark', async () => {
    const { api } = crewtab;
    const team = await api.createTeam({ name: 'Axe team', agents: [crewtab.leader()] });
    const fields = { teamId: team.id, cron: '0 9 * * 1-5', timeout: '2m' };
    const [good, bad] = await Promise.all([
      api.createSchedule({ ...fields, name: 'goes well', prompt: 'answer # Done\n\n- `one`' }),
      api.createSchedule({ ...fields, name: 'fails', prompt: 'error out of luck' }),
    ]);
    const runs = await Promise.all([api.trigger(good.id), api.trigger(bad.id)]);
    await Promise.all(runs.map(({ id }) => api.untilFinished(id)));

    const { page } = await openWatched(api.baseUrl);
    const barriers: string[] = [];
    const look = async (): Promise<void> => {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        barriers.push(...(await findBarriers(page)));
      }
    };
    await page.getByLabel('API key').waitFor();
    await look();
    await page.getByLabel('API key').fill(api.apiKey);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('live', { exact: true }).waitFor();
    for (const path of ['/', '/runs', '/schedules', '/settings', ...runs.map(({ id }) => `/runs/${id}`)]) {
      await page.goto(`${api.baseUrl}${path}`);
      await page.getByText('live', { exact: true }).waitFor();
      if (path.startsWith('/runs/')) await page.getByRole('article').first().waitFor();
      await look();
    }
    expect(barriers).toEqual([]);
  });
});
