import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askModule } from './spec-support';

interface Landing {
  readonly files: readonly string[];
  readonly since: string;
}

const HOUR = 3_600;
const NOW = 1_800_000_000;

let folder = '';
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'commit-spec-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function git(args: readonly string[], committedAt = NOW): void {
  const at = `${committedAt} +0000`;
  const env = { ...process.env, GIT_COMMITTER_DATE: at, GIT_AUTHOR_DATE: at };
  const who = ['-c', 'user.name=A', '-c', 'user.email=a@example.org', '-c', 'commit.gpgsign=false'];
  execFileSync('git', [...who, ...args], { cwd: folder, env, stdio: 'ignore' });
}

/** One commit for each: a file of that name, so many hours before now. */
function commit(...files: readonly (readonly [string, number])[]): void {
  for (const [name, hoursAgo] of files) {
    writeFileSync(join(folder, name), name);
    git(['add', '.']);
    git(['commit', '--quiet', '--message', name], NOW - hoursAgo * HOUR);
  }
}

const landing = (): Landing => askModule('lib/commit.mjs', 'readLanding(input)', folder);

describe('what a landing has changed', () => {
  it('is what the commits of the last 24 hours before it did, removals too', () => {
    git(['init', '--quiet']);
    commit(['old', 60], ['gone', 50], ['yesterday', 40], ['today', 20]);
    rmSync(join(folder, 'gone'));
    commit(['last', 10]);
    const { files, since } = landing();
    expect([...files].sort()).toEqual(['gone', 'last', 'today']);
    expect(since).toMatch(/^[0-9a-f]{10}, a day before$/);
  });

  it('is what the last 20 commits did where all are younger', () => {
    git(['init', '--quiet']);
    commit(...Array.from({ length: 22 }, (_, index) => [`file-${index}`, 5 - index / 10] as const));
    const { files, since } = landing();
    expect(files).toHaveLength(20);
    expect(files).not.toContain('file-1');
    expect(since).toMatch(/20 commits before$/);
  });

  it('is everything where there are fewer', () => {
    git(['init', '--quiet']);
    commit(['one', 2], ['two', 1]);
    expect(landing()).toEqual({ files: ['one', 'two'], since: 'the beginning, as history is short' });
  });

  it('is unknown in a folder without git', () => {
    expect(landing().files).toEqual([]);
    expect(askModule('lib/commit.mjs', 'readCommit(input)', folder)).toMatchObject({ isKnown: false });
  });
});

describe('the commit that is tested', () => {
  it('is HEAD, and said to have changes while a file differs', () => {
    git(['init', '--quiet']);
    commit(['one', 2]);
    const read = (): unknown => askModule('lib/commit.mjs', 'readCommit(input)', folder);
    expect(read()).toMatchObject({ hash: expect.stringMatching(/^[0-9a-f]{40}$/), isKnown: true, hasChanges: false });
    writeFileSync(join(folder, 'one'), 'another');
    expect(read()).toMatchObject({ hasChanges: true });
  });
});

describe('a number from a text', () => {
  it('is the same for the same text, whole, and below 2^31', () => {
    const numbers = askModule<number[]>('lib/commit.mjs', "['a', 'a', 'b'].map(numberFrom)");
    expect(numbers[0]).toBe(numbers[1]);
    expect(numbers[0]).not.toBe(numbers[2]);
    for (const number of numbers) expect(Number.isSafeInteger(number) && number >= 0 && number < 2 ** 31).toBe(true);
  });
});
