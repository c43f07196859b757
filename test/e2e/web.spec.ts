import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';
import { Crewtab } from './support/crewtab';

/** Debian's; CHROMIUM names another one. */
const PROGRAM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
/** A bound for busy machines. */
const WITHIN_MS = 30_000;

let crewtab: Crewtab;
let browser: Browser;
beforeAll(async () => {
  if (!existsSync(PROGRAM)) throw new Error(`there is no ${PROGRAM}: apt-get install chromium, or set CHROMIUM`);
  [crewtab, browser] = await Promise.all([
    Crewtab.start(),
    chromium.launch({ executablePath: PROGRAM, args: ['--no-sandbox', '--disable-dev-shm-usage'] }),
  ]);
});
afterAll(async () => {
  await browser?.close();
  await crewtab?.stop();
});

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
