import type { Browser } from 'playwright-core';
import { describeWithDocker } from '../kit/services/docker';
import { findBarriers, launchBrowser, openWatched } from './support/browser';
import { Crewtab } from './support/crewtab';

let crewtab: Crewtab;
let browser: Browser;

describeWithDocker('the pages, in a browser', () => {
  beforeAll(async () => {
    crewtab = await Crewtab.start();
    browser = await launchBrowser();
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

    const { page, complaints } = await openWatched(browser, `${api.baseUrl}/#code=${code}`);
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

    const { page } = await openWatched(browser, api.baseUrl);
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
    for (const path of [
      '/',
      '/runs',
      '/schedules',
      '/usage',
      '/usage?by=model',
      '/settings',
      ...runs.map(({ id }) => `/runs/${id}`),
    ]) {
      await page.goto(`${api.baseUrl}${path}`);
      await page.getByText('live', { exact: true }).waitFor();
      if (path.startsWith('/runs/')) await page.getByRole('article').first().waitFor();
      await look();
    }
    expect(barriers).toEqual([]);
  });
});
