import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ScheduleInput, TeamInput } from '../kit/client';
import { describeWithDocker } from '../kit/services/docker';
import { Crewtab } from './support/crewtab';

jest.setTimeout(180_000);

const FOLDER = join(__dirname, '../../examples');

interface Play {
  /** What the demo agent does in the model's place. */
  readonly work: readonly string[];
  /** The same with a fault in it, and the check that must see it. */
  readonly botched: readonly string[];
  readonly fault: string;
  readonly files: number;
}

const json = (value: object): string => `answer \`\`\`json\\n${JSON.stringify(value)}\\n\`\`\``;
const update = (file: string): string =>
  `write updates.patch diff --git a/${file} b/${file}\\n--- a/${file}\\n+++ b/${file}\\n`;
const updated = { updated: [{ name: 'zod', from: '4.6.6', to: '4.6.7' }], left: [], testsPassed: true };
const triaged = (count: number): object => ({
  lines: 3,
  groups: [{ title: 'card refused', severity: 'high', count, example: 'E402' }],
});
const triage = (count: number): string[] => [
  'delegate analyst: answer 3 × E402',
  'write triage.md # Triage',
  `write triage.json ${JSON.stringify(triaged(count))}`,
  json(triaged(count)),
];
const links = (csv: string): string[] => [
  `write links.csv ${csv}`,
  'write links.md none',
  json({ pages: 1, links: 2, broken: [] }),
];
const report = (sources: string): string[] => [
  'delegate researcher: answer 2 January: a release, https://example.com/1',
  `write report.md # Week 1\\n\\n## In short\\n\\nOne.\\n\\n## What happened\\n\\nA release.\\n\\n## Sources\\n\\n${sources}\\n`,
  'answer # Week 1',
];

const PLAYS: Readonly<Record<string, Play>> = {
  'broken-links': {
    work: links('page,link,status\\nhttps://example.com/,https://example.com/gone,404\\n'),
    botched: links('page,link,status\\nnone that I found\\n'),
    fault: 'links.csv has a line without page, link and status',
    files: 2,
  },
  'dependency-updates': {
    work: [update('web/package-lock.json'), 'write updates.md # One update', json(updated)],
    botched: [update('src/main.ts'), 'write updates.md # One update', json(updated)],
    fault: 'the patch changes more than manifests: src/main.ts',
    files: 2,
  },
  'log-triage': { work: triage(3), botched: triage(2), fault: 'the groups have 2 lines, but there were 3', files: 2 },
  'stand-up': {
    work: [
      'write standup.md # Stand-up of Monday\\n\\n## Done\\n\\nAda: x (1a2b)\\n\\n## To look at\\n\\nNothing.\\n',
      'answer x',
    ],
    botched: ['write standup.md # Stand-up of Monday\\n\\n## Done\\n\\n## To look at\\n\\nNothing.\\n', 'answer x'],
    fault: 'standup.md has nothing under "Done"',
    files: 1,
  },
  'weekly-report': {
    work: report('- https://example.com/1'),
    botched: report('- the press'),
    fault: 'report.md names no source',
    files: 1,
  },
};

describeWithDocker('the crews of examples/', () => {
  let crewtab: Crewtab;
  let scripts: string[];
  beforeAll(async () => {
    crewtab = await Crewtab.start();
    const readme = await readFile(join(FOLDER, 'README.md'), 'utf8');
    scripts = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, script = '']) => script);
    await shell(scripts[0], { ANTHROPIC_API_KEY: 'sk-ant-none-0001', LOGS_TOKEN: 'token-of-logs' });
  });
  afterAll(() => crewtab.stop());

  async function shell(script = '', env: Record<string, string>): Promise<string> {
    const { api } = crewtab;
    const options = {
      cwd: join(FOLDER, '..'),
      env: { PATH: process.env['PATH'], API: `${api.baseUrl}/api/v1`, KEY: api.apiKey, ...env },
    };
    return (await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], options)).stdout;
  }

  async function read<T>(crew: string, file: string): Promise<T> {
    return JSON.parse(await readFile(join(FOLDER, crew, file), 'utf8')) as T;
  }

  /** The crew with the demo agent in place of the model. */
  async function play(crew: string, directives: readonly string[]): Promise<string> {
    const { api } = crewtab;
    const team = await read<TeamInput>(crew, 'team.json');
    const agents = team.agents.map(({ name, role, instructions }) =>
      crewtab.leader({ name, role, ...(instructions !== undefined && { instructions }) }),
    );
    const { id } = await api.createTeam({ ...team, name: `${team.name}, played`, agents });
    const schedule = await read<ScheduleInput>(crew, 'schedule.json');
    const prompt = [schedule.prompt, ...directives].join('\n');
    const made = await api.createSchedule({ ...schedule, teamId: id, prompt, enabled: false });
    return (await api.trigger(made.id)).id;
  }

  it('are all played here', async () => {
    const folders = (await readdir(FOLDER, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name).sort()).toEqual(Object.keys(PLAYS));
  });

  it.each(Object.keys(PLAYS))('%s is taken as it stands, by the commands that its page names', async (crew) => {
    const rendered = JSON.parse(await shell(scripts[1], { CREW: crew })) as { prompt: string };
    expect(rendered.prompt).not.toMatch(/\{\{|\{%/);
    expect(rendered.prompt.length).toBeGreaterThan(300);
  });

  it.each(Object.entries(PLAYS))(
    '%s succeeds with its files, and fails where its work does not hold',
    async (crew, steps) => {
      const { api } = crewtab;
      const [done, botched] = await Promise.all([play(crew, steps.work), play(crew, steps.botched)]);
      const { status, error, verification, artifacts } = await api.untilFinished(done);
      expect({ status, error, verified: verification?.status, files: artifacts?.count }).toEqual({
        status: 'success',
        error: null,
        verified: 'passed',
        files: steps.files,
      });
      const failed = await api.untilFinished(botched);
      expect(failed).toMatchObject({ status: 'failed', error: { code: 'verification_failed' } });
      const checks = failed.verification?.checks.filter((check) => check.status === 'failed') ?? [];
      expect(checks).toMatchObject([{ kind: 'command', output: expect.stringContaining(steps.fault) as string }]);
      expect(await crewtab.leftovers()).toEqual([]);
    },
  );
});
