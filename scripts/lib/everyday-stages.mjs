/** Histories that every `npm test` plays, besides the known seeds. */
const HISTORIES = 2_000;

/**
 * End-to-end specs of a run's life, as the API and as a browser sees it, and of one whose agent is hostile; the others belong
 * to groups of `npm run proof`.
 */
export const EVERYDAY_E2E = [
  'life-of-a-run.spec.ts',
  'life-of-a-run-queued.spec.ts',
  'hostile-agent.spec.ts',
  'web.spec.ts',
];

/**
 * Integration specs that take long, and see what few changes touch: they belong to groups of `npm run proof`.
 */
export const RARE_INTEGRATION = {
  engine: ['runtime-docker/engine-killed.spec.ts'],
  edges: [
    'http/extreme-input.spec.ts',
    'schedules/dst-all-zones.spec.ts',
    'schedules/long-outages.spec.ts',
    'schedules/zones-against-postgres.spec.ts',
  ],
};

/**
 * What `npm test` runs: what a change usually breaks, within ten minutes on two idle cores.
 * @param {string} commit from which the histories take their seeds
 * @returns {import('./stage-runner.mjs').Stage[]}
 */
export function everydayStages(commit) {
  return [
    { title: 'Build', script: 'build' },
    // It takes one core, and as long as the four after it.
    { title: 'Lint', script: 'lint', isBeside: true },
    { title: 'Format', script: 'format:check' },
    { title: 'Types', script: 'typecheck' },
    { title: 'Dependency rules', script: 'deps' },
    { title: 'Unused code', script: 'unused' },
    { title: 'Unit tests', script: 'test:unit', isSuite: true },
    { title: 'Unit tests of the web pages', script: 'test:web' },
    {
      title: `Simulator (${HISTORIES.toLocaleString('en')} histories)`,
      script: 'simulate',
      args: ['--histories', String(HISTORIES), '--seeds-from', commit],
    },
    {
      title: 'Integration tests (real Postgres, Redis, Docker)',
      script: 'test:integration',
      args: Object.values(RARE_INTEGRATION)
        .flat()
        .map((file) => `--testPathIgnorePatterns=/test/integration/${file}$`),
      isSuite: true,
    },
    {
      title: "A run's life, end to end (the real apps as processes)",
      script: 'test:e2e',
      args: EVERYDAY_E2E.map((file) => `test/e2e/${file}`),
      isSuite: true,
    },
  ];
}
