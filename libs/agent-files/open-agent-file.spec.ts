import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAgentFile, readAgentFile } from './open-agent-file';

describe('a file in a place that an agent may write', () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'agent-file-'));
    path = join(folder, 'file');
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it('is read up to its limit', async () => {
    expect(await readAgentFile(path, 5)).toBeNull();
    writeFileSync(path, 'hallo');
    expect(await readAgentFile(path, 5)).toBe('hallo');
    await expect(readAgentFile(path, 4)).rejects.toMatchObject({
      code: 'engine_error',
      message: `${path} is not what Crewtab made: it has more than 4 bytes`,
    });
  });

  it.each([
    ['a FIFO', () => execFileSync('mkfifo', [path])],
    ['a folder', () => mkdirSync(path)],
    ['a device', () => symlinkSync('/dev/zero', path)],
    ['a link to a file', () => (writeFileSync(join(folder, 'secret'), 'x'), symlinkSync('secret', path))],
    ['a link to itself', () => symlinkSync('file', path)],
  ])('is refused where it is %s', async (_, make) => {
    make();
    await expect(readAgentFile(path, 5)).rejects.toMatchObject({ code: 'engine_error' });
    await expect(openAgentFile(path)).rejects.toMatchObject({ code: 'engine_error' });
  });
});
