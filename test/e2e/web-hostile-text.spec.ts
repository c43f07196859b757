import type { Browser, Page } from 'playwright-core';
import { launchBrowser, openWatched, untilAtRest } from './support/browser';
import { DemoInstallation } from './support/demo-installation';
import { HOSTILE_TEXTS } from './support/hostile-texts';
import { spreadHostileTexts, type HostileRuns } from './support/spread-hostile-texts';

jest.setTimeout(180_000);

let demo: DemoInstallation;
let browser: Browser;
let page: Page;
let complaints: string[];
/** By the text that the run is full of. */
let runs: readonly HostileRuns[];

beforeAll(async () => {
  demo = await DemoInstallation.start();
  runs = await demo.rewrite(spreadHostileTexts);
  browser = await launchBrowser();
  const { code } = await demo.api.request('POST /session/codes');
  ({ page, complaints } = await openWatched(browser, `${demo.api.baseUrl}/#code=${code}`));
  await page.getByRole('heading', { name: 'Now' }).waitFor();
});
afterAll(async () => {
  await browser?.close();
  await demo?.stop();
});

describe.each(HOSTILE_TEXTS.map((hostile, at) => ({ ...hostile, at })))('$what', ({ at, text, reads }) => {
  it.each([1280, 360])('are read as text in a run that succeeded, %d px wide', async (width) => {
    await page.setViewportSize({ width, height: 800 });
    await open(`/runs/${runs[at]?.success}?level=all`);
    const result = page.locator('section', { has: page.getByRole('heading', { name: 'Result', exact: true }) });
    expect(await result.first().textContent()).toContain(reads);
    const feed = page.getByRole('feed', { name: 'Conversation' });
    await feed.getByRole('article').first().waitFor();
    const seen = await readThrough();
    expect(seen.filter((row) => row.includes(reads)).length).toBeGreaterThanOrEqual(5);
    expect(await faultsOf(page)).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('are read as text in a run that failed', async () => {
    await page.setViewportSize({ width: 360, height: 800 });
    await open(`/runs/${runs[at]?.failed}`);
    const panel = page.locator('section', { has: page.getByRole('heading', { name: 'What went wrong' }) });
    expect(await panel.textContent()).toContain(text.length > 10_000 ? reads : reads.slice(0, 20));
    expect(await faultsOf(page)).toEqual([]);
    expect(complaints).toEqual([]);
  });
});

it.each([1280, 360])('names of that kind break no list, %d px wide', async (width) => {
  await page.setViewportSize({ width, height: 800 });
  const schedules = (await demo.api.request('GET /schedules', { query: { limit: 100 } })).items;
  const teams = (await demo.api.request('GET /teams', { query: { limit: 100 } })).items;
  const lists = ['/', '/runs', '/schedules', '/calendar?view=lanes', '/calendar?view=agenda', '/teams', '/system'];
  const paths = [
    ...lists,
    ...schedules.flatMap(({ id }) => [`/schedules/${id}`, `/schedules/${id}?tab=results`]),
    `/schedules/${schedules[0]?.id}/edit`,
    ...teams.map(({ id }) => `/teams/${id}`),
  ];
  const faults: string[] = [];
  for (const path of paths) {
    await open(path);
    faults.push(...(await faultsOf(page)).map((fault) => `${path}: ${fault}`));
  }
  expect(faults).toEqual([]);
  expect(complaints).toEqual([]);
});

async function open(path: string): Promise<void> {
  await page.goto(`${demo.api.baseUrl}${path}`);
  await untilAtRest(page);
}

/** Goes through the conversation row by row, with every card opened. */
async function readThrough(): Promise<string[]> {
  return page.evaluate<string[]>(`(async () => {
    const feed = document.querySelector('[role=feed]');
    const scroller = feed.closest('[data-virtuoso-scroller]');
    const rows = new Map();
    const rest = () => new Promise((done) => setTimeout(done, 30));
    for (let turn = 0; turn < 200; turn++) {
      for (const row of feed.querySelectorAll('article')) {
        row.querySelector('button[aria-expanded=false]')?.click();
        await rest();
        rows.set(row.closest('[data-index]').dataset.index, row.textContent);
      }
      if (scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 2) break;
      scroller.scrollTop += scroller.clientHeight * 0.8;
      await rest();
    }
    return [...rows.values()];
  })()`);
}

/** What a text has done to the page around it. */
async function faultsOf(onPage: Page): Promise<string[]> {
  return onPage.evaluate<string[]>(`(() => {
    const faults = [];
    if ('isHarmed' in window) faults.push('a script of the text has run');
    if (document.documentElement.scrollWidth > window.innerWidth) faults.push('wider than the window: ' + document.documentElement.scrollWidth);
    const foreign = 'main :is(script, iframe, style, base, img:not([src="/favicon.svg"]), video, audio, object, embed, form[action])';
    for (const element of document.querySelectorAll(foreign)) faults.push('an element of the text: ' + element.outerHTML.slice(0, 100));
    for (const link of document.querySelectorAll('main a[href]'))
      if (!/^https?:/.test(link.protocol) || /evil/.test(link.host) && link.rel !== 'noreferrer noopener')
        faults.push('a link: ' + link.href);
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (!/[\\u202a-\\u202e\\u2066-\\u2069]/.test(node.data) || node.parentElement.closest('script, title, option')) continue;
      let wall = node.parentElement;
      while (!/isolate|plaintext/.test(getComputedStyle(wall).unicodeBidi)) wall = wall.parentElement;
      if (!wall.closest('.prose, pre') && wall.textContent !== node.data)
        faults.push('turns what stands beside it: ' + wall.outerHTML.slice(0, 300));
    }
    if (/[\\u202a-\\u202e\\u2066-\\u2069]/.test(document.title)) faults.push('the title: ' + document.title);
    return faults;
  })()`);
}
