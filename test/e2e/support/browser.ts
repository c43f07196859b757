import { existsSync, readFileSync } from 'node:fs';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

/** Debian's; CHROMIUM names another one. */
const PROGRAM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
/** Chromium breaks off what it has asked for when a network comes or goes on its machine, as those of containers do. */
const NETWORK_CHANGED = /ERR_NETWORK_CHANGED/;
/** A bound for busy machines. */
const WITHIN_MS = 30_000;

export async function launchBrowser(): Promise<Browser> {
  if (!existsSync(PROGRAM)) throw new Error(`there is no ${PROGRAM}: apt-get install chromium, or set CHROMIUM`);
  return chromium.launch({ executablePath: PROGRAM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

/** Collects what the page complained about: a script's fault, a policy that was violated, a file that is missing. */
export async function openWatched(
  browser: Browser,
  address: string,
): Promise<{ readonly page: Page; readonly complaints: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const complaints: string[] = [];
  const page = await openTab(context, address, complaints);
  return { page, complaints };
}

/** One more tab in the same browser. */
export async function openTab(context: BrowserContext, address: string, complaints: string[]): Promise<Page> {
  const page = await context.newPage();
  page.setDefaultTimeout(WITHIN_MS);
  const origin = new URL(address).origin;
  page.on('console', (message) => {
    const text = message.text();
    if ((message.type() === 'error' || message.type() === 'warning') && !NETWORK_CHANGED.test(text))
      complaints.push(text);
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`)) complaints.push(`asked another host: ${request.url()}`);
  });
  await page.goto(address);
  return page;
}

/** Resolves when every answer that the page asked for is there. */
export async function untilAtRest(page: Page): Promise<void> {
  await page.getByRole('banner').getByText('live', { exact: true }).waitFor();
  await page.locator('[aria-busy=true]').first().waitFor({ state: 'detached' });
}

/** What axe finds on the page that keeps people from using it. */
export async function findBarriers(page: Page): Promise<string[]> {
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
