import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processEnvironment, SECRETS_DESCRIPTOR } from './process-environment';

describe('the environment of a process', () => {
  const before = process.env;
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'secrets-'));
  });

  afterEach(() => {
    process.env = before;
    rmSync(folder, { recursive: true });
  });

  it('has what was handed over by a descriptor, over the variables, also when it is asked for again', () => {
    writeFileSync(join(folder, 'handed-over'), JSON.stringify({ DATABASE_URL: 'secret' }));
    const fd = openSync(join(folder, 'handed-over'), 'r');
    process.env = { DATABASE_URL: 'open', PORT: '1', [SECRETS_DESCRIPTOR]: String(fd) };
    for (let times = 0; times < 2; times += 1)
      expect(processEnvironment()).toMatchObject({ DATABASE_URL: 'secret', PORT: '1' });
    expect(() => readFileSync(fd)).toThrow('EBADF');
  });
});
