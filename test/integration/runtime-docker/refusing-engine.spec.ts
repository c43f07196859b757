import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEntry, statIn } from '@crewtab/runtime-docker/agents/containers';
import { settingsFrom } from '@crewtab/runtime-docker/docker-options';
import { EngineClient } from '@crewtab/runtime-docker/engine/engine-client';
import { leaveTrace, wasThereAt } from '@crewtab/runtime-docker/engine/engine-memory';
import { KeptOutput } from '@crewtab/runtime-docker/output/guarded-output';

interface Answer {
  readonly statusCode: number;
  readonly message?: string;
}

/** An engine, or a proxy before it, that answers as a test wants it. */
describe('an engine that refuses', () => {
  const path = join(tmpdir(), `crewtab-refusing-${randomBytes(6).toString('hex')}.sock`);
  const answers = new Map<string, Answer>();
  let server: Server;
  let engine: EngineClient;

  beforeAll(async () => {
    server = createServer(({ url = '' }, response) => {
      const asked = /\/(archive|events|json)/.exec(url)?.[1] ?? '';
      const { statusCode, message } = answers.get(asked) ?? { statusCode: 200 };
      response.writeHead(statusCode, { 'content-type': 'application/json' });
      response.end(message === undefined ? '' : JSON.stringify({ message }));
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    engine = new EngineClient(`unix://${path}`, settingsFrom({ dockerHost: null }));
  });

  afterEach(() => answers.clear());

  afterAll(async () => {
    engine.close();
    await new Promise((resolve) => server.close(resolve));
  });

  it('to read a file fails no run: the trace of it is only left for later', async () => {
    answers.set('archive', { statusCode: 500, message: 'too many open files' });
    await expect(leaveTrace(engine, 'container', Date.now())).resolves.toBeUndefined();
  });

  it('to tell of its events is believed', async () => {
    answers.set('events', { statusCode: 403, message: 'events are not for you' });
    await expect(leaveTrace(engine, 'container', Date.now())).resolves.toBeUndefined();
    await expect(wasThereAt(engine, new Date().toISOString())).resolves.toBe(true);
  });

  it('to read what a guard has kept is asked again, or has nothing where it never tells', async () => {
    const kept = new KeptOutput(engine, 'container');
    answers.set('archive', { statusCode: 500, message: 'too many open files' });
    const later = { code: 'engine_unreachable', retryable: true };
    await expect(kept.size()).rejects.toMatchObject(later);
    await expect(kept.exitCode()).rejects.toMatchObject(later);
    await expect(kept.read(0)).rejects.toMatchObject(later);
    answers.set('archive', { statusCode: 403, message: 'files are not for you' });
    await expect(Promise.all([kept.size(), kept.exitCode(), kept.read(0)])).resolves.toEqual([
      0,
      null,
      Buffer.alloc(0),
    ]);
  });

  it('because the container was removed meanwhile is asked again, and has not said that a file is missing', async () => {
    const container = engine.docker.getContainer('container');
    answers.set('archive', { statusCode: 404, message: 'Could not find the file /bin/true in container container' });
    answers.set('json', { statusCode: 200, message: 'it is there' });
    await expect(statIn(engine, container, '/bin/true')).resolves.toBeNull();
    await expect(readEntry(engine, container, '/bin/true')).resolves.toBeNull();
    for (const asked of ['archive', 'json'])
      answers.set(asked, { statusCode: 404, message: 'No such container: container' });
    const gone = { code: 'engine_error', retryable: true };
    await expect(statIn(engine, container, '/bin/true')).rejects.toMatchObject(gone);
    await expect(readEntry(engine, container, '/bin/true')).rejects.toMatchObject(gone);
  });
});
