import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { scripts } from '../package.json';
import { askModule } from './lib/spec-support';

interface Group {
  readonly name: string;
  readonly proves: string;
  readonly files: readonly string[];
  readonly stage: { readonly script: string; readonly args?: readonly string[] };
}

const project = join(__dirname, '..');
const context = { commit: 'abc', day: '2026-11-30', changed: [] };
const groups = askModule<Group[]>(
  'proof-groups.mjs',
  'Promise.all(PROOF_GROUPS.map(async (group) => ({ ...group, stage: await group.whole(input) })))',
  context,
);
const everyday = askModule<readonly { script: string; args?: readonly string[] }[]>(
  'lib/everyday-stages.mjs',
  'everydayStages(input)',
  context.commit,
);

describe('the groups of npm run proof', () => {
  it('each have a name of their own, and say in a few words what they prove', () => {
    expect(new Set(groups.map(({ name }) => name)).size).toBe(groups.length);
    for (const { proves } of groups) expect(proves).toMatch(/^.{20,120}$/);
  });

  it('name files that are there', () => {
    const isThere = (glob: string): boolean => existsSync(join(project, glob.replace(/\/[^/]*\*.*$/, '')));
    expect(groups.flatMap(({ files }) => files.filter((glob) => !isThere(glob)))).toEqual([]);
  });

  it('and npm test call scripts that package.json has', () => {
    const called = [...groups.map(({ stage }) => stage.script), ...everyday.map(({ script }) => script)];
    expect(called.filter((script) => !(script in scripts))).toEqual([]);
  });

  it('and npm test share the end-to-end specs among them, each once', () => {
    const specs = [...groups.map(({ stage }) => stage), ...everyday].flatMap(({ script, args }) =>
      script === 'test:e2e' ? (args ?? []) : [],
    );
    const all = readdirSync(join(project, 'test/e2e')).filter((name) => name.endsWith('.spec.ts'));
    expect([...specs].sort()).toEqual(all.map((name) => `test/e2e/${name}`).sort());
  });

  it('have the integration specs that npm test leaves out', () => {
    const leftOut = everyday.flatMap(({ args = [] }) =>
      args.flatMap((arg) => /^--testPathIgnorePatterns=\/(.+)\$$/.exec(arg)?.[1] ?? []),
    );
    const played = groups.flatMap(({ stage: { script, args = [] } }) => (script === 'test:integration' ? args : []));
    expect(leftOut.length).toBeGreaterThan(0);
    expect([...played].sort()).toEqual([...leftOut].sort());
    expect(leftOut.filter((path) => !existsSync(join(project, path)))).toEqual([]);
  });
});
