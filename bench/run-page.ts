import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';
import { seedDemo } from '@test/kit/demo-data/seed-demo';
import { SeededRandom } from '@test/kit/random';
import { Client } from 'pg';
import type { Bench, BenchContext, Figure } from './harness/bench';
import { SchedulerProcess } from './harness/scheduler-process';
import { show } from './harness/statistics';
import { BenchStore } from './harness/stored';

const PROGRAM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const MESSAGES = 50_000;
const REPEATS = 3;
/** Turns of the wheel, and what each of them scrolls, px. */
const TURNS = 60;
const TURN_PX = 1_200;
const SCROLL_LIMIT_MS = 50;
const OPEN_LIMIT_MS = 200;
/** A bound for busy machines. */
const ANSWER_LIMIT_MS = 120_000;

export const runPage: Bench = {
  name: 'run-page',
  about: `the page of a run with ${MESSAGES.toLocaleString('en-US')} messages in Chromium: opening, scrolling, memory`,
  needsDocker: false,
  async run(context: BenchContext): Promise<Figure[]> {
    if (!existsSync(PROGRAM)) throw new Error(`there is no ${PROGRAM}: apt-get install chromium, or set CHROMIUM`);
    const stored = await BenchStore.create(context);
    await seedDemo({ databaseUrl: stored.url, isForced: true });
    const runs = await makeRuns(stored.url);
    const scheduler = await SchedulerProcess.start(stored.url, context.redisUrl);
    const browser = await chromium.launch({
      executablePath: PROGRAM,
      args: ['--no-sandbox', '--disable-dev-shm-usage', '--enable-precise-memory-info'],
    });
    try {
      const long: Measured[] = [];
      const empty: Measured[] = [];
      for (let repeat = 0; repeat < REPEATS; repeat++) {
        empty.push(await measure(browser, scheduler, runs.empty));
        long.push(await measure(browser, scheduler, runs.long));
        context.log(line('empty', empty.at(-1)));
        context.log(line('long', long.at(-1)));
      }
      return figuresOf(long, empty);
    } finally {
      await browser.close();
      await scheduler.stop();
      await stored.dispose();
    }
  },
};

interface Measured {
  /** From the address to the first row that can be read, ms. */
  readonly readable: number;
  /** The same until the page says that nothing more is on its way. */
  readonly complete: number;
  /** Longest tasks; 0: none over 50 ms, which is what browsers tell of. */
  readonly opening: number;
  readonly scrolling: number;
  readonly fps: number;
  /** What the page holds after its garbage is collected, MB. */
  readonly memory: number;
}

/** Notes long tasks and frames from the page's first moment on. */
const WATCH = `
  window.longTasks = [];
  window.frameCount = 0;
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) longTasks.push({ startTime, duration });
  }).observe({ type: 'longtask', buffered: true });
  const count = () => { window.frameCount += 1; requestAnimationFrame(count); };
  requestAnimationFrame(count);`;

async function measure(browser: Browser, { api }: SchedulerProcess, runId: string): Promise<Measured> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  try {
    const { code } = await api.request('POST /session/codes');
    const page = await context.newPage();
    page.setDefaultTimeout(ANSWER_LIMIT_MS);
    await page.goto(`${api.baseUrl}/#code=${code}`);
    await page.getByRole('heading', { name: 'Now' }).waitFor();
    await page.addInitScript(WATCH);
    await page.goto(`${api.baseUrl}/runs/${runId}?level=all`);
    await page.getByRole('article').first().waitFor();
    const readable = await now(page);
    await page.locator('[role="feed"][aria-busy="false"]').waitFor();
    const complete = await now(page);
    const opening = await longestTask(page, 0);
    await page.waitForTimeout(1_000);
    const from = await now(page);
    const framesBefore = await page.evaluate<number>('frameCount');
    await page.getByRole('article').first().hover();
    for (let turn = 0; turn < TURNS; turn++) {
      await page.mouse.wheel(0, TURN_PX);
      await page.waitForTimeout(30);
    }
    await page.waitForTimeout(300);
    const frames = (await page.evaluate<number>('frameCount')) - framesBefore;
    const fps = (frames * 1_000) / ((await now(page)) - from);
    const scrolling = await longestTask(page, from);
    return { readable, complete, opening, scrolling, fps, memory: await heapOf(page) };
  } finally {
    await context.close();
  }
}

function now(page: Page): Promise<number> {
  return page.evaluate<number>('performance.now()');
}

function longestTask(page: Page, from: number): Promise<number> {
  return page.evaluate<number>(
    `Math.max(0, ...longTasks.filter(({ startTime }) => startTime >= ${from}).map(({ duration }) => duration))`,
  );
}

async function heapOf(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  return usedSize / 1_000_000;
}

function line(name: string, measured: Measured | undefined): string {
  const parts = Object.entries(measured ?? {}).map(([what, value]) => `${what} ${show(value as number)}`);
  return `${name.padEnd(5)} ${parts.join(', ')}`;
}

function figuresOf(long: readonly Measured[], empty: readonly Measured[]): Figure[] {
  const figure = (what: keyof Measured, name: string, unit: string, limit: number | null): Figure => ({
    ...{ name: `run-page: ${name}`, unit, at: 'p50', breakdown: [] },
    ...{ ours: long.map((one) => one[what]), base: empty.map((one) => one[what]) },
    aim: limit === null ? null : { of: 'difference', relation: '≤', limit },
  });
  return [
    figure('opening', 'longest task while opening', 'ms', OPEN_LIMIT_MS),
    figure('scrolling', 'longest task while scrolling', 'ms', SCROLL_LIMIT_MS),
    figure('readable', 'until the first row can be read', 'ms', null),
    figure('complete', 'until nothing more is on its way', 'ms', null),
    figure('memory', 'memory', 'MB', null),
    figure('fps', 'frames while scrolling', '/s', null),
  ];
}

/** Two runs of the demo's history: one with the messages of a long day, one with a single one. @returns their ids */
async function makeRuns(url: string): Promise<{ readonly long: string; readonly empty: string }> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('SET session_replication_role = replica');
    const { rows } = await client.query<{ id: string; organization_id: string; started_at: Date }>(
      `SELECT id, organization_id, started_at FROM schedule_runs WHERE status = 'success' AND team_name = 'Release crew'
       ORDER BY id DESC LIMIT 2`,
    );
    const [long, empty] = rows;
    if (!long || !empty) throw new Error('the demo has no runs of the Release crew');
    for (const [run, messages] of [
      [long, longTalk(MESSAGES)],
      [empty, longTalk(1)],
    ] as const) {
      await client.query('DELETE FROM messages WHERE run_id = $1', [run.id]);
      await client.query(
        `INSERT INTO messages (organization_id, run_id, seq, agent, kind, content, at)
         SELECT $1, $2, seq, agent, kind, content, $3::timestamptz + seq * interval '40 ms'
         FROM jsonb_to_recordset($4) AS m (seq int, agent text, kind message_kind, content jsonb)`,
        [run.organization_id, run.id, run.started_at, JSON.stringify(messages)],
      );
      await client.query('UPDATE schedule_runs SET last_seq = $2 WHERE id = $1', [run.id, messages.length]);
    }
    return { long: long.id, empty: empty.id };
  } finally {
    await client.end();
  }
}

/** As agents of such a team write: text in pieces, thoughts, calls of tools with what they print, tasks for each other. */
function longTalk(count: number) {
  const random = SeededRandom.named('run-page');
  const messages: { seq: number; agent: string; kind: string; content: object }[] = [];
  const say = (agent: string, kind: string, content: object): void => {
    if (messages.length < count) messages.push({ seq: messages.length + 1, agent, kind, content });
  };
  say('conductor', 'prompt', { text: 'Look for updates of our packages, and try each.' });
  for (let turn = 0; messages.length < count; turn++) {
    const agent = random.pick(['conductor', 'tester', 'changelog']);
    say(agent, 'agent_thought', { text: random.pick(SENTENCES).repeat(random.int(1, 3)) });
    for (let piece = random.int(1, 5); piece > 0; piece--)
      say(agent, 'agent_message', { text: random.pick(SENTENCES) + random.pick(['\n\n', ' ', '\n- ']) });
    for (let call = random.int(1, 3); call > 0; call--) {
      const toolCallId = `${turn} ${call}`;
      const command = random.pick(['npm test --silent', 'git log --oneline -20', 'npm outdated --json']);
      say(agent, 'tool_call', {
        toolCallId,
        title: command,
        kind: 'execute',
        status: 'pending',
        rawInput: { command },
      });
      const text = Array.from({ length: random.int(3, 60) }, (_, at) => `${at} ${random.pick(SENTENCES)}`).join('\n');
      const content = [{ type: 'content', content: { type: 'text', text } }];
      say(agent, 'tool_result', { toolCallId, status: random.isTrue(0.05) ? 'failed' : 'completed', content });
    }
    if (turn % 40 === 0 && agent === 'conductor') {
      say(agent, 'delegation', { id: `d${turn}`, to: 'tester', task: random.pick(SENTENCES) });
      say('tester', 'delegation', { id: `d${turn}`, to: agent, text: random.pick(SENTENCES) });
    }
  }
  return messages;
}

const SENTENCES = [
  'Two of these **belong together**, so I handle them as one.',
  'The suite of `packages/beacons` passes; the one of `packages/tides` has a failure in *config.spec.ts*.',
  '| package | from | to |\n| --- | --- | --- |\n| zod | 4.1.8 | 4.1.9 |\n| pino | 9.9.3 | 9.9.4 |\n',
  'The option was renamed from `build.target` to `build.targets`, see https://vite.dev/guide/migration.',
  '1. Update\n2. Try\n3. Report\n',
] as const;
