// `npm run screenshots`: every page of a seeded installation in light, dark and at 360 px, as pictures in
// dist/screenshots. The installation is of this run only: a Postgres and a Redis that are brought along, a scheduler, no worker,
// the demo data, and a browser whose clock stands still. Nothing compares the pictures: they are to be looked at.
//
// Arguments are parts of names: `npm run screenshots now team` takes what has one of them.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt } from './lib/ensure-built.mjs';
import { ensureInstalled } from './lib/ensure-installed.mjs';
import { projectFolder, SetupError } from './lib/project.mjs';

const PROGRAM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FOLDER = join(projectFolder, 'dist/screenshots');
const LOOKS = [
  { name: 'light', colorScheme: 'light', viewport: { width: 1440, height: 900 } },
  { name: 'dark', colorScheme: 'dark', viewport: { width: 1440, height: 900 } },
  { name: '360', colorScheme: 'light', viewport: { width: 360, height: 780 } },
];
const HEARTBEAT = 'WITH w AS (UPDATE workers SET last_seen_at = now()) UPDATE hosts SET last_seen_at = now()';
/** Late answers, ms: a page that never comes to rest is taken as it is. */
const REST_MS = 5_000;

const log = (line) => console.log(`· ${line}`);
try {
  await ensureInstalled({ log });
  await ensureBuilt({ log });
  process.chdir(projectFolder);
  if (!existsSync(PROGRAM)) throw new SetupError(`there is no ${PROGRAM}: apt-get install chromium, or set CHROMIUM`);
  await take(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`✗ ${error.message}`);
  process.exitCode = 1;
}

async function take(wanted) {
  const require = createRequire(import.meta.url);
  require(join(projectFolder, 'test/support/typescript-hook.cjs'));
  const load = (path) => require(join(projectFolder, path));
  const { startTestServices } = load('test/kit/services/test-services.ts');
  const { Installation, untilReady } = load('test/kit/installation.ts');
  const { seedDemo } = load('test/kit/demo-data/seed-demo.ts');
  const services = await startTestServices({});
  const dataDir = await mkdtemp(join(tmpdir(), 'crewtab-screenshots-'));
  const { databaseUrl, redisUrl } = services;
  const beats = [];
  const installation = new Installation({ databaseUrl, redisUrl, dataDir, dockerHost: null });
  try {
    const now = new Date();
    await seedDemo({ databaseUrl, now });
    // Stands in for the heartbeats of the demo's worker.
    const beat = setInterval(() => void installation.sql(HEARTBEAT).catch(() => undefined), 2_000);
    beats.push(beat);
    const { process: scheduler, api } = await installation.startScheduler('scheduler');
    await untilReady(scheduler);
    await nameSecrets(api);
    const pages = (await pagesOf(api)).filter(({ name }) => isWanted(name, wanted));
    await mkdir(FOLDER, { recursive: true });
    await photograph(require('playwright-core').chromium, api, pages, now);
    log(`${pages.length} pages in ${LOOKS.length} looks: ${FOLDER}`);
  } finally {
    beats.forEach(clearInterval);
    await installation.kill();
    await installation.close();
    await services.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

function isWanted(name, wanted) {
  return wanted.length === 0 || wanted.some((part) => name.includes(part));
}

/** Those that its presets need, and one more; a third is not used. */
async function nameSecrets(api) {
  for (const name of ['model-key', 'github-token', 'tracker-header'])
    await api.request('PUT /secrets/:name', { params: { name }, body: { value: 'a secret of the demo' } });
  const presets = (await api.request('GET /presets')).items;
  const { items } = await api.request('GET /teams', { query: { limit: 1 } });
  for (const { id, agents } of items) {
    const named = agents.map((agent) => {
      const groups = presets.find(({ name }) => name === agent.preset)?.secrets ?? [];
      const needed = groups.map(([first]) => [first.name, 'model-key']);
      return { ...agent, secrets: Object.fromEntries([...needed, ['GITHUB_TOKEN', 'github-token']]) };
    });
    const git = {
      url: 'https://github.com/example/harbour-lights.git',
      ref: 'main',
      depth: 20,
      secret: 'github-token',
    };
    const files = { 'notes/style.md': 'Short sentences.\nNo jargon.\n' };
    await api.request('PATCH /teams/:id', { params: { id }, body: { agents: named, workspace: { git, files } } });
  }
}

/** Every page, with what it shows by preference. */
async function pagesOf(api) {
  const listOf = async (path) => (await api.request(`GET ${path}`, { query: { limit: 100 } })).items;
  const runs = await listOf('/runs');
  const byStatus = (status) => runs.find((run) => run.status === status && run.startedAt !== null);
  const schedules = await listOf('/schedules');
  const [team] = await listOf('/teams');
  const schedule = schedules.find(({ name }) => name === 'Nightly links') ?? schedules[0];
  return [
    { name: 'now', path: '/' },
    { name: 'runs', path: '/runs' },
    ...['success', 'failed', 'running'].flatMap((status) => {
      const run = byStatus(status);
      return run ? [{ name: `run-${status}`, path: `/runs/${run.id}` }] : [];
    }),
    { name: 'run-all', path: `/runs/${byStatus('success')?.id}?level=all&at=3` },
    { name: 'runs-ranges', path: '/runs?sort=longest&minDuration=soon' },
    { name: 'schedules', path: '/schedules' },
    { name: 'schedule', path: `/schedules/${schedule.id}` },
    { name: 'schedule-revisions', path: `/schedules/${schedule.id}?tab=revisions` },
    { name: 'schedule-edit', path: `/schedules/${schedule.id}/edit` },
    { name: 'schedule-new', path: '/schedules/new' },
    { name: 'calendar', path: '/calendar' },
    { name: 'calendar-7d', path: '/calendar?span=7d&view=lanes' },
    { name: 'calendar-30d', path: '/calendar?span=30d&view=lanes' },
    { name: 'calendar-hours', path: '/calendar?view=hours' },
    { name: 'teams', path: '/teams' },
    { name: 'secrets', path: '/teams/secrets' },
    { name: 'team-edit', path: `/teams/${team.id}/edit` },
    { name: 'team-new', path: '/teams/new' },
    { name: 'team', path: `/teams/${team.id}` },
    { name: 'usage', path: '/usage' },
    { name: 'system', path: '/system' },
    { name: 'settings', path: '/settings' },
    { name: 'help', path: '/help/failed' },
  ];
}

async function photograph(chromium, api, pages, now) {
  const browser = await chromium.launch({
    executablePath: PROGRAM,
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
  try {
    for (const { name: look, colorScheme, viewport } of LOOKS) {
      const context = await browser.newContext({
        ...{ viewport, colorScheme, reducedMotion: 'reduce', locale: 'en-GB', timezoneId: 'Europe/Berlin' },
      });
      const page = await context.newPage();
      await page.clock.setFixedTime(now);
      await page.goto(api.baseUrl);
      await page.getByLabel('API key').fill(api.apiKey);
      await page.getByRole('button', { name: 'Log in' }).click();
      await page.getByRole('heading', { name: 'Now' }).waitFor();
      for (const { name, path } of pages) {
        await page.goto(`${api.baseUrl}${path}`);
        await page.locator('main').waitFor();
        await page
          .locator('[aria-busy=true]')
          .first()
          .waitFor({ state: 'detached', timeout: REST_MS })
          .catch(() => log(`${name} (${look}) still waits for an answer`));
        await page.waitForTimeout(300);
        await page.screenshot({ path: join(FOLDER, `${name}-${look}.png`) });
      }
      await context.close();
    }
  } finally {
    await browser.close();
  }
}
