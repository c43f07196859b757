import type { Browser, BrowserContext, Page } from 'playwright-core';
import { launchBrowser, openTab, openWatched } from './support/browser';
import { DemoInstallation } from './support/demo-installation';

jest.setTimeout(120_000);

const TABS = 10;
let demo: DemoInstallation;
let browser: Browser;
let context: BrowserContext;
let complaints: string[];
let tabs: Page[];
let scheduleId: string;

// One after the other: each begins with the tabs that the one before left.
describe('ten tabs of one browser', () => {
  beforeAll(async () => {
    // One tab more than one connection would be refused, and say so.
    demo = await DemoInstallation.start({ API_STREAM_LIMIT: '1' });
    browser = await launchBrowser();
    const { api } = demo;
    // Its runs may overlap, so each is queued.
    const [schedule] = (await api.request('GET /schedules', { query: { q: 'Weekly report' } })).items;
    scheduleId = schedule?.id ?? '';
    const { code } = await api.request('POST /session/codes');
    const opened = await openWatched(browser, `${api.baseUrl}/#code=${code}`);
    ({ complaints } = opened);
    context = opened.page.context();
    await opened.page.getByRole('heading', { name: 'Now' }).waitFor();
    tabs = [opened.page];
    for (let at = 1; at < TABS; at++) tabs.push(await openTab(context, `${api.baseUrl}/runs`, complaints));
    await opened.page.goto(`${api.baseUrl}/runs`);
  });
  afterAll(async () => {
    await browser?.close();
    await demo?.stop();
  });

  it('share one connection, and all see what happens', async () => {
    await Promise.all(tabs.map(untilLive));
    await allSee(await triggered());
    expect(complaints).toEqual([]);
  });

  it('go on when the tab that began is closed', async () => {
    await tabs.shift()?.close();
    await allSee(await triggered());
    expect(complaints).toEqual([]);
  });

  it('say that the server is gone, come back with it, and show what happened meanwhile', async () => {
    const { id } = await demo.api.trigger(scheduleId);
    await demo.restartScheduler(async () => {
      await Promise.all(tabs.map((tab) => tab.getByText(/no connection for/).waitFor()));
      await demo.sql(
        `UPDATE schedule_runs SET cancel_requested_at = now(), cancel_code = 'cancelled', status = 'cancelled',
        phase = 'finished', finished_at = now(), error_code = 'cancelled', error_message = 'by hand' WHERE id = $1`,
        [id],
      );
    });
    await Promise.all(tabs.map(untilLive));
    await Promise.all(tabs.map((tab) => tab.locator(`a[href="/runs/${id}"]`, { hasText: 'by hand' }).waitFor()));
    // The browser itself notes what no server answered.
    expect(complaints.splice(0).filter((complaint) => !/ERR_CONNECTION_REFUSED/.test(complaint))).toEqual([]);
  });

  it('all ask to log in when the session is over, and go on where they were after one has', async () => {
    const [one, ...others] = tabs;
    await one?.getByRole('link', { name: 'Teams' }).click();
    await one?.getByRole('heading', { name: 'Teams' }).waitFor();
    await demo.sql('DELETE FROM sessions');
    // What happens makes the pages ask, which tells them.
    await triggered();
    await Promise.all(tabs.map((tab) => tab.getByText('Your session is over.').waitFor()));
    await one?.getByLabel('API key').fill(demo.api.apiKey);
    await one?.getByRole('button', { name: 'Log in' }).click();
    await one?.getByRole('heading', { name: 'Teams' }).waitFor();
    await Promise.all(others.map((tab) => tab.getByRole('heading', { name: 'Runs' }).waitFor()));
    await Promise.all(tabs.map(untilLive));
    expect(complaints.splice(0).filter((complaint) => !/status of 401/.test(complaint))).toEqual([]);
  });
});

async function untilLive(tab: Page): Promise<void> {
  await tab.getByRole('banner').getByText('live', { exact: true }).waitFor();
}

async function triggered(): Promise<string> {
  return (await demo.api.trigger(scheduleId)).id;
}

async function allSee(runId: string): Promise<void> {
  await Promise.all(tabs.map((tab) => tab.locator(`a[href="/runs/${runId}"]`).waitFor()));
}
