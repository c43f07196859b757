import { mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RecordingLogger } from '@test/fakes/recording-logger';
import { eventually } from '../../../test/kit/wait-for';
import { AliveFile, findFault, STALE_AFTER_MS } from './alive-file';

describe("the worker's heartbeat", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crewtab-alive-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is fresh after a touch, and old when it is not touched any more', async () => {
    const path = join(folder, 'alive');
    new AliveFile(path, new RecordingLogger()).touch();
    await eventually(async () => (await findFault(path, new Date())) === null);
    const touchedAt = new Date();
    await utimes(path, touchedAt, touchedAt);
    expect(await findFault(path, new Date(touchedAt.getTime() + STALE_AFTER_MS - 1_000))).toBeNull();
    const later = new Date(touchedAt.getTime() + STALE_AFTER_MS + 1_000);
    expect(await findFault(path, later)).toBe('the worker has not renewed its leases for 21 s');
  });

  it('is missed where there is none', async () => {
    expect(await findFault(join(folder, 'none'), new Date())).toContain('ENOENT');
    expect(await findFault(null, new Date())).toBe('CREWTAB_ALIVE_FILE is not set');
  });

  it('warns once of a place that cannot be written', async () => {
    const logger = new RecordingLogger();
    const file = new AliveFile(join(folder, 'no', 'such', 'place'), logger);
    file.touch();
    await eventually(() => logger.messages('warn').length > 0);
    file.touch();
    expect(logger.messages('warn')).toEqual(['cannot write the heartbeat']);
  });
});
