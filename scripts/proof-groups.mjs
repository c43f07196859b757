import { chooseChaosSeed, chooseMutants, choosePoints } from './lib/choose-from-sources.mjs';
import { numberFrom } from './lib/commit.mjs';
import { RARE_INTEGRATION } from './lib/everyday-stages.mjs';

/**
 * The groups of `npm run proof`, the most telling for their time first: where CI has not the time for all, it leaves out
 * the last ones.
 *
 * @typedef {object} ProofContext
 * @property {string} commit
 * @property {string} day as 2026-11-30
 * @property {string[]} changed files of the landing
 *
 * @typedef {object} GroupStage what is played
 * @property {string} script of package.json
 * @property {string[]} [args]
 * @property {Record<string, string>} [env]
 * @property {boolean} [isSuite]
 * @property {string} [note] what of it is left out, or how it was chosen
 *
 * @typedef {object} ProofGroup
 * @property {string} name
 * @property {string} proves
 * @property {string[]} files globs of what it proves, and of itself
 * @property {string} usually how long all of it takes on two idle cores
 * @property {RegExp} shows the lines of its output that are worth keeping
 * @property {(context: ProofContext) => GroupStage | Promise<GroupStage>} whole
 * @property {{ minutes: number, part?: (context: ProofContext) => GroupStage | Promise<GroupStage>, isAlways?: boolean,
 *   isBeside?: boolean } | { never: string }} ci what CI plays of it, if anything; without `part`, all of it
 */

/** For the groups that CI plays one after the other; `npm test` and the rest of the 25 minutes come before. */
export const CI_BUDGET_MINUTES = 14;

/** What every run goes through, whatever it runs on. */
const RUNS = ['libs/domain/**', 'libs/orchestrator/**'];
const APPS = ['apps/scheduler/**', 'apps/worker/**'];
const STORES = ['libs/store-prisma/**', 'libs/queue-bullmq/**', 'prisma/**'];
const DOCKER = ['libs/runtime-docker/**', 'libs/agent-guard/**', 'images/**'];
const PRODUCT = [
  ...[...RUNS, ...APPS, ...STORES, ...DOCKER],
  ...[
    'libs/runtime-process/**',
    'libs/program-output/**',
    'libs/protocol-*/**',
    'libs/tool-server/**',
    'libs/egress-proxy/**',
    'libs/prompt-liquid/**',
    'libs/config/**',
    'libs/observability/**',
  ],
];
const E2E_HARNESS = ['test/e2e/support/**', 'test/kit/**', 'test/support/**'];

/** @param {string[]} files of test/e2e */
const e2e = (...files) => ({
  script: 'test:e2e',
  args: files.map((file) => `test/e2e/${file}`),
  isSuite: true,
});

/** @param {string[]} files of test/integration */
const integration = (files) => ({
  script: 'test:integration',
  args: files.map((file) => `test/integration/${file}`),
  isSuite: true,
});

/** @param {string[]} files of test/attacks; none: all */
const attacks = (...files) => ({
  script: 'test:attacks',
  args: files.map((file) => `test/attacks/${file}`),
  isSuite: true,
});

/** @param {string[]} args */
const realAgents = (...args) => ({ script: 'test:real-agents', args, isSuite: true });

/** @type {readonly ProofGroup[]} */
export const PROOF_GROUPS = [
  {
    name: 'sweep',
    proves: 'a scheduler or worker that dies, or stands still, at any effect leaves nothing broken',
    files: [...PRODUCT, 'libs/failpoints/**', 'test/crash/**', ...E2E_HARNESS],
    usually: '17 min',
    shows: /^Tests: /,
    whole: () => ({ script: 'test:crash', isSuite: true }),
    ci: {
      minutes: 11,
      isBeside: true,
      isAlways: true,
      part: (context) => {
        const { pattern, note } = choosePoints(context);
        return { script: 'test:crash', env: { CRASH_POINTS: pattern }, isSuite: true, note };
      },
    },
  },
  {
    name: 'chaos',
    proves: 'the whole product keeps its invariants while processes, servers, disks, clocks and connections fail',
    files: [...PRODUCT, 'test/chaos/**', 'test/kit/**', 'test/support/**'],
    usually: '33 min',
    shows: /^seed \d+|violations|^everything was over|^rows of runs/,
    whole: ({ commit, day }) => ({
      script: 'chaos',
      args: ['--minutes', '30', '--seed', String(numberFrom(`${commit} ${day}`))],
    }),
    ci: {
      minutes: 4,
      part: ({ commit }) => ({
        script: 'chaos',
        args: ['--minutes', '2', '--seed', String(chooseChaosSeed(commit, 2))],
      }),
    },
  },
  {
    name: 'histories',
    proves: 'the orchestrator keeps its invariants in simulated histories full of faults',
    files: [
      ...RUNS,
      'libs/protocol-*/**',
      'test/simulation/**',
      'test/kit/random.ts',
      'test/fakes/**',
      'scripts/simulate.mjs',
    ],
    usually: '20 min',
    shows: /histories, \d+ a second|violation|npm run simulate/,
    whole: ({ commit, day }) => ({
      script: 'simulate',
      args: ['--histories', '100000', '--seeds-from', `${commit}-${day}`],
    }),
    ci: {
      minutes: 2,
      part: ({ commit }) => ({ script: 'simulate', args: ['--histories', '6000', '--seeds-from', `${commit}-ci`] }),
    },
  },
  {
    name: 'attacks',
    proves: 'whatever an agent does, only its own run suffers: every attack that once worked, on the real product',
    files: [...PRODUCT, 'libs/agent-files/**', 'libs/launcher/**', 'test/attacks/**', ...E2E_HARNESS],
    usually: '8 min',
    shows: /^Tests: /,
    whole: () => attacks(),
    // Without those that start everything, fill a disk, or fuzz.
    ci: {
      minutes: 6,
      part: () =>
        attacks(
          'folder.spec.ts',
          'team.spec.ts',
          'user.spec.ts',
          'guard.spec.ts',
          'calls.spec.ts',
          'output.spec.ts',
          'network.spec.ts',
          'api.spec.ts',
          'sealed-values.spec.ts',
        ),
    },
  },
  {
    name: 'hosts',
    proves: 'a host that is lost, comes back or is given up costs its own runs and no other',
    files: [...PRODUCT, 'test/e2e/hosts.spec.ts', ...E2E_HARNESS],
    usually: '2 min',
    shows: /^Tests: /,
    whole: () => e2e('hosts.spec.ts'),
    ci: { minutes: 1 },
  },
  {
    name: 'clocks',
    proves: 'processes whose clocks are an hour off fire, time out and end runs on time',
    files: [...RUNS, ...APPS, ...STORES, 'test/e2e/clocks-*.spec.ts', ...E2E_HARNESS],
    usually: '2 min',
    shows: /^Tests: /,
    whole: () => e2e('clocks-ahead.spec.ts', 'clocks-behind.spec.ts'),
    ci: { minutes: 1 },
  },
  {
    name: 'engine',
    proves: 'a Docker engine that is killed at any moment loses no word of an agent, and leaves nothing behind',
    files: [...DOCKER, 'test/integration/runtime-docker/**', 'test/kit/**'],
    usually: '2 min',
    shows: /^Tests: /,
    whole: () => integration(RARE_INTEGRATION.engine),
    ci: { minutes: 2 },
  },
  {
    name: 'edges',
    proves: "every zone's changes of the clock, outages of years, and input as strange as it comes",
    files: [
      ...['libs/domain/schedules/**', 'libs/store-prisma/**', 'libs/api-contract/**'],
      ...['apps/scheduler/src/**', 'test/integration/schedules/**', 'test/integration/http/**'],
    ],
    usually: '2 min',
    shows: /^Tests: /,
    whole: () => integration(RARE_INTEGRATION.edges),
    ci: { minutes: 1 },
  },
  {
    name: 'real-agents',
    proves: 'the real Claude Code, Codex, opencode and Gemini CLI work as agents, and their failures are told as such',
    files: [
      ...['libs/protocol-acp/**', 'libs/orchestrator/**', 'libs/tool-server/**'],
      ...['libs/egress-proxy/**', 'libs/agent-guard/**', 'libs/runtime-docker/**'],
      ...['images/presets/**', 'images/guard/**', 'images/team-bridge/**', 'libs/presets/**', 'test/real-agents/**'],
    ],
    usually: '20 min',
    shows: /^Tests: |^Tests with real agents/,
    whole: () => realAgents(),
    // Claude Code alone: a text, the shell and files.
    ci: {
      minutes: 3,
      part: () => realAgents('test/real-agents/claude-code.spec.ts', '--testNamePattern', 'shell and of files'),
    },
  },
  {
    name: 'e2e',
    proves: 'firing by cron, adoption, refused teardowns, many runs, an orderly stop and `npm start`, on the real apps',
    files: [
      ...PRODUCT,
      'libs/launcher/**',
      'libs/local-services/**',
      'test/e2e/**',
      'test/kit/**',
      'test/support/**',
      'scripts/start.mjs',
    ],
    usually: '4 min',
    shows: /^Tests: /,
    whole: () => e2e(...OTHER_E2E),
    ci: { minutes: 2 },
  },
  {
    name: 'web',
    proves:
      'people can work with the pages: every journey, ten tabs, axe on all of them, and no text of an agent that harms',
    files: ['apps/web/**', 'apps/scheduler/src/http/**', 'libs/api-*/**', 'test/e2e/web-*.spec.ts', ...E2E_HARNESS],
    usually: '6 min',
    shows: /^Tests: /,
    whole: () => e2e('web-teams.spec.ts', 'web-journeys.spec.ts', 'web-tabs.spec.ts', 'web-hostile-text.spec.ts'),
    ci: { minutes: 1, part: () => e2e('web-teams.spec.ts') },
  },
  {
    name: 'mutants',
    proves: 'the tests notice the faults that they are there for',
    files: ['libs/**', 'apps/**', 'images/**', 'test/**'],
    usually: '12 min',
    shows: /^✗|mutants caught/,
    whole: () => ({ script: 'mutants' }),
    ci: {
      minutes: 3,
      part: async (context) => {
        const { names, note } = await chooseMutants(context);
        return { script: 'mutants', args: names.flatMap((name) => ['--only', name]), note };
      },
    },
  },
  {
    name: 'search',
    proves: 'no order of steps of two workers, the reaper and the watch leads one run to something forbidden',
    files: ['libs/domain/runs/**', 'test/simulation/exhaustive/**'],
    usually: '5 min',
    shows: /states, |nothing forbidden|shortest way/,
    whole: () => ({ script: 'simulate', args: ['--exhaustive'] }),
    ci: { minutes: 5 },
  },
  {
    name: 'figures',
    proves: 'how fast the product recovers: the table of docs/reliability.md',
    files: [...PRODUCT, 'test/figures/**'],
    usually: '30 min',
    shows: /^\|/,
    whole: () => ({ script: 'figures' }),
    ci: { never: 'measured on a machine that does nothing else' },
  },
];

/** What neither `npm test` nor another group plays. */
const OTHER_E2E = [
  'adoption.spec.ts',
  'cancelled-turn.spec.ts',
  'examples.spec.ts',
  'finished-work.spec.ts',
  'firing.spec.ts',
  'git-workspace.spec.ts',
  'kept-workspace.spec.ts',
  'many-runs.spec.ts',
  'preset-images.spec.ts',
  'pushed-work.spec.ts',
  'scheduler-stops.spec.ts',
  'start.spec.ts',
  'team-tools.spec.ts',
  'teardown-fails.spec.ts',
];
