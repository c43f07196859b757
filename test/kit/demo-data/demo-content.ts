import type { AgentProtocolName, AgentResources, AgentRole } from '@crewtab/domain/teams/team';
import type { NetworkMode } from '@crewtab/domain/teams/network';
import type { CatchUpPolicy, OverlapPolicy } from '@crewtab/domain/schedules/schedule';

export interface DemoAgent {
  readonly name: string;
  readonly role: AgentRole;
  readonly protocol: AgentProtocolName;
  readonly image: string;
  readonly preset?: string;
  readonly model?: string;
  readonly command?: readonly string[];
  readonly instructions?: string;
  readonly resources?: AgentResources;
}

export interface DemoTeam {
  readonly key: string;
  readonly name: string;
  readonly description: string;
  readonly network: NetworkMode;
  readonly hosts: readonly string[];
  readonly agents: readonly DemoAgent[];
}

/** An edit or a pause, told by how the fields stood before. */
export interface DemoRevision {
  readonly daysAgo: number;
  readonly was: Partial<
    Record<'enabled', true> & { readonly prompt: string; readonly timeoutMs: number; readonly overlap: OverlapPolicy }
  >;
  readonly note?: string;
}

/** How the runs of a schedule end, as weights. */
export interface DemoOutcomes {
  readonly success: number;
  readonly failed: number;
  readonly timeout: number;
  readonly cancelled: number;
  readonly skipped: number;
}

export interface DemoSchedule {
  readonly name: string;
  readonly team: string;
  readonly prompt: string;
  readonly cron: string;
  readonly timezone: string;
  readonly isEnabled: boolean;
  readonly timeoutMinutes: number;
  readonly overlap: OverlapPolicy;
  readonly catchUp: CatchUpPolicy;
  /** What half of its runs take, s. */
  readonly typicalSeconds: number;
  readonly outcomes: DemoOutcomes;
  /** How its newest run ended, whatever chance says. */
  readonly newest?: 'failed' | 'timeout' | 'running' | 'missed';
  readonly results: readonly string[];
  /** Oldest first; as it stands now it was left by the last of them. */
  readonly revisions?: readonly DemoRevision[];
}

const CLAUDE = { image: 'ghcr.io/harbour/claude-code:1.4', preset: 'claude-code', model: 'sonnet' } as const;
const CODEX = { image: 'ghcr.io/harbour/codex:0.9', preset: 'codex', model: 'gpt-5.1-codex' } as const;
const SMALL = { cpus: 1, memory: '1g', pids: 256 } as const;

export const DEMO_TEAMS: readonly DemoTeam[] = [
  {
    key: 'docs',
    name: 'Harbour docs',
    description: 'Keeps the handbook true: links, screenshots, numbers.',
    network: 'allowlist',
    hosts: ['api.anthropic.com', '*.harbour-lights.example', '*.github.com'],
    agents: [
      {
        name: 'lead',
        role: 'leader',
        protocol: 'acp',
        ...CLAUDE,
        instructions: 'Quote the page when you say that something is wrong.',
        resources: SMALL,
      },
      { name: 'checker', role: 'worker', protocol: 'acp', ...CODEX, resources: { cpus: 0.5, memory: '512m' } },
    ],
  },
  {
    key: 'release',
    name: 'Release crew',
    description: 'Reads what was merged, writes what changed, tries it.',
    network: 'allowlist',
    hosts: ['api.anthropic.com', 'api.openai.com', '*.github.com', 'registry.npmjs.org'],
    agents: [
      { name: 'conductor', role: 'leader', protocol: 'acp', ...CLAUDE, resources: { cpus: 2, memory: '2g' } },
      { name: 'changelog', role: 'worker', protocol: 'acp', ...CLAUDE },
      { name: 'tester', role: 'worker', protocol: 'acp', ...CODEX, resources: { cpus: 2, memory: '4g' } },
    ],
  },
  {
    key: 'support',
    name: 'Support desk',
    description: 'Sorts the inbox and drafts answers. Sends nothing.',
    network: 'allowlist',
    hosts: ['api.anthropic.com', 'mail.harbour-lights.example:993'],
    agents: [
      { name: 'triage', role: 'leader', protocol: 'acp', ...CLAUDE },
      {
        name: 'writer',
        role: 'worker',
        protocol: 'acp',
        ...CLAUDE,
        model: 'haiku',
        instructions: 'Two paragraphs at most.',
      },
    ],
  },
  {
    key: 'tokyo',
    name: '経理チーム・東京',
    description: '月次と週次の報告書をまとめます。',
    network: 'allowlist',
    hosts: ['api.anthropic.com'],
    agents: [
      { name: 'lead', role: 'leader', protocol: 'acp', ...CLAUDE, instructions: '数字には必ず出典を付ける。' },
      { name: 'figures', role: 'worker', protocol: 'acp', ...CODEX },
    ],
  },
  {
    key: 'watch',
    name: 'Night watch 🌙',
    description: 'One small agent that looks around.',
    network: 'none',
    hosts: [],
    agents: [
      {
        name: 'watch',
        role: 'leader',
        protocol: 'command',
        image: 'ghcr.io/harbour/watch:2',
        command: ['watch', '--once', '--plain'],
        resources: { cpus: 0.25, memory: '128m', pids: 32 },
      },
    ],
  },
];

const STEADY: DemoOutcomes = { success: 92, failed: 4, timeout: 1, cancelled: 1, skipped: 0 };

export const DEMO_SCHEDULES: readonly DemoSchedule[] = [
  {
    name: 'Nightly links',
    team: 'docs',
    prompt:
      'Follow every link of the handbook. Say which are dead, which lead elsewhere by now, and which page has to change.\n\nLeave the archive out.',
    ...{ cron: '30 2 * * *', timezone: 'Europe/Berlin', isEnabled: true },
    ...{ timeoutMinutes: 15, overlap: 'skip', catchUp: 'latest', typicalSeconds: 380 },
    outcomes: { success: 84, failed: 8, timeout: 5, cancelled: 2, skipped: 1 },
    revisions: [
      { daysAgo: 19, was: { timeoutMs: 600_000 } },
      { daysAgo: 6, was: { prompt: 'Follow every link of the handbook. Say which are dead.' } },
    ],
    newest: 'failed',
    results: [
      'All 412 links lead where they should.\n\n- 3 redirects were followed and are **fine**\n- `docs/beacons.md` was not changed',
      'Two links are dead.\n\n| page | link | answer |\n| --- | --- | --- |\n| beacons.md | /api/v1/beacons | 404 |\n| pilots.md | tides.example | no answer |\n\nI left both pages as they are.',
      'One link leads elsewhere by now: `harbour.example/rules` became `/rules/2026`. The checker agrees; the page should name the new one.',
    ],
  },
  {
    name: 'Stand-up notes',
    team: 'release',
    prompt: 'What was merged since the last stand-up, what waits for whom, what is blocked? At most ten lines.',
    ...{ cron: '0 9 * * 1-5', timezone: 'Europe/Berlin', isEnabled: true },
    ...{ timeoutMinutes: 45, overlap: 'skip', catchUp: 'latest', typicalSeconds: 240 },
    outcomes: STEADY,
    results: [
      'Three merged, one blocked on review.\n\n1. Beacon poller no longer drops readings at midnight\n2. Alarm page has dark colours\n3. `npm ci` is 40 s faster\n\n**Blocked:** the tide import waits for Mirela.',
      'A quiet day: one merge, nothing blocked. Jonas asked for a second look at the migration.',
      'Five merged, two of them reverted. The second revert is explained in #482; I would talk about it today.',
    ],
  },
  {
    name: 'Dependency updates',
    team: 'release',
    prompt:
      'Look for updates of our packages. Try each in a branch of its own with the whole test suite; report what passes.',
    ...{ cron: '0 */4 * * *', timezone: 'UTC', isEnabled: true },
    ...{ timeoutMinutes: 180, overlap: 'skip', catchUp: 'none', typicalSeconds: 2_900 },
    outcomes: { success: 78, failed: 9, timeout: 3, cancelled: 2, skipped: 8 },
    newest: 'running',
    results: [
      'Four updates pass, one does not.\n\n- ✅ fastify 5.6.1\n- ✅ zod 4.1.9\n- ✅ pino 9.9.4\n- ✅ undici 7.16\n- ❌ vite 8: `config.spec.ts` fails, see the tester’s log',
      'Nothing new since four hours ago.',
      'One update passes: typescript 5.9.3. It finds two unused imports, which I took out.',
    ],
  },
  {
    name: 'Inbox triage',
    team: 'support',
    prompt:
      'Sort what has come in. Draft an answer where the handbook has one; name who should answer the rest. Never send.',
    ...{ cron: '0 8-18/2 * * 1-5', timezone: 'America/New_York', isEnabled: true },
    ...{ timeoutMinutes: 30, overlap: 'queue', catchUp: 'latest', typicalSeconds: 150 },
    outcomes: { success: 90, failed: 6, timeout: 2, cancelled: 2, skipped: 0 },
    results: [
      '14 messages: 9 drafts, 3 for Mirela, 1 for accounts, 1 spam.',
      '6 messages, all answered by drafts. The one about beacon 17 may be the fault of last night’s import.',
      'Nothing came in.',
      '22 messages: 15 drafts, 6 for the pilots’ office, 1 that I do not understand (in Faroese).',
    ],
  },
  {
    name: '週次レポート',
    team: 'tokyo',
    prompt: '先週の売上と経費をまとめ、前年同期と比べてください。三行以内で要点を先に。',
    ...{ cron: '0 7 * * 1', timezone: 'Asia/Tokyo', isEnabled: true },
    ...{ timeoutMinutes: 60, overlap: 'skip', catchUp: 'all', typicalSeconds: 900 },
    outcomes: STEADY,
    results: [
      '売上は前年同期比 **+4.2 %**、経費は横ばいです。\n\n| 項目 | 今週 | 前年 |\n| --- | ---: | ---: |\n| 売上 | 1,284万円 | 1,232万円 |\n| 経費 | 611万円 | 609万円 |',
      '経費が 8 % 増えました。主な理由は灯台の保守です。',
    ],
  },
  {
    name: 'Night watch 🌙',
    team: 'watch',
    prompt: 'look around',
    ...{ cron: '15 * * * *', timezone: 'UTC', isEnabled: true },
    ...{ timeoutMinutes: 5, overlap: 'replace', catchUp: 'none', typicalSeconds: 14 },
    outcomes: { success: 965, failed: 12, timeout: 6, cancelled: 12, skipped: 0 },
    results: ['all beacons answer ✨', 'beacon 17 answered late (2.4 s), the others well', 'all beacons answer ✨'],
  },
  {
    name: 'Weekly report',
    team: 'docs',
    prompt: 'Write the report of the week for the board: what changed for our readers, with links, in one page.',
    ...{ cron: '0 6 * * 1', timezone: 'Europe/London', isEnabled: true },
    ...{ timeoutMinutes: 60, overlap: 'allow', catchUp: 'none', typicalSeconds: 1_300 },
    outcomes: STEADY,
    newest: 'missed',
    results: [
      '# Week 47\n\nReaders found the tide tables twice as fast. The pilots’ page is new.\n\n- 31 pages changed',
    ],
  },
  {
    name: 'Backup rehearsal',
    team: 'release',
    prompt: 'Restore last night’s backup into an empty database and compare the counts with production.',
    ...{ cron: '@daily', timezone: 'America/Sao_Paulo', isEnabled: true },
    ...{ timeoutMinutes: 20, overlap: 'skip', catchUp: 'latest', typicalSeconds: 960 },
    outcomes: { success: 80, failed: 4, timeout: 14, cancelled: 1, skipped: 1 },
    revisions: [{ daysAgo: 14, was: { overlap: 'allow' } }],
    newest: 'timeout',
    results: ['The backup restores in 12 m 40 s. All 41 tables have the counts of production.'],
  },
  {
    name: 'Competitor digest',
    team: 'docs',
    prompt: 'What did the other harbours publish this week?',
    ...{ cron: '0 16 * * 5', timezone: 'Europe/Berlin', isEnabled: false },
    ...{ timeoutMinutes: 30, overlap: 'skip', catchUp: 'none', typicalSeconds: 500 },
    outcomes: STEADY,
    results: ['Rotterdam published its new tariff; nothing else of note.'],
    revisions: [{ daysAgo: 9, was: { enabled: true }, note: 'until the new tariff is out' }],
  },
];

export const DEMO_FAILURES = [
  ['agent_exited', 'checker ended with exit code 1 before its work was done'],
  ['handshake_timeout', 'lead did not answer the handshake within 1m'],
  ['agent_limit', 'lead stopped at a limit of its own: max_turn_requests'],
  ['out_of_memory', 'tester ran out of memory (limit 4g)'],
  ['image_pull_failed', 'ghcr.io/harbour/codex:0.9: unauthorized: authentication required'],
  ['agent_error', 'lead: 529 overloaded_error: the model is overloaded, try again later'],
] as const;
