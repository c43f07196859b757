import { resolve } from 'node:path';
import { findBareEffects } from './find-bare-effects';
import { findPoints } from './find-points';
import { productProgram } from './product-program';
import { allFolders, NOT_THE_PRODUCT, productSources, projectPath } from './product-sources';
import { UNREACHED } from './unreached';

/** It reads and resolves every type of the product. */
jest.setTimeout(180_000);

function findIn(path: string, text: string): string[] {
  const program = productProgram({ path, text });
  return findBareEffects(program, [resolve(__dirname, '../../..', path)]).map(({ at, call }) => `${at} ${call}`);
}

describe('crash points', () => {
  it('stand around every effect of the product', () => {
    const sources = productSources();
    expect(findBareEffects(productProgram(), sources)).toEqual([]);
  });

  it('are looked for in every app and lib, save those that are left out with a reason', () => {
    const folders = allFolders();
    for (const [folder, why] of Object.entries(NOT_THE_PRODUCT)) {
      expect(folders).toContain(folder);
      expect(why.length).toBeGreaterThan(20);
    }
    const lookedAt = new Set(productSources().map((path) => projectPath(path).split('/').slice(0, 2).join('/')));
    expect([...lookedAt, ...Object.keys(NOT_THE_PRODUCT)].sort()).toEqual(folders.sort());
  });

  it('are enumerated from the sources, ports and vendor calls alike', () => {
    const points = findPoints();
    expect(points).toEqual(
      expect.arrayContaining([
        'run-store.permitPrompt:after',
        'docker.container.create:before',
        'tools.link.make:after',
      ]),
    );
    expect(new Set(points).size).toBe(points.length);
  });

  it('are left out of the sweep only with a reason, and only where there is such a point', () => {
    const points = findPoints();
    for (const [name, why] of Object.entries(UNREACHED)) {
      expect(points).toContain(name.includes(':') ? name : `${name}:before`);
      expect(why.length).toBeGreaterThan(20);
    }
  });
});

describe('an effect without a point around it is found', () => {
  const path = 'libs/runtime-process/planted.ts';

  it('a file that is written', () => {
    const text = `import { writeFile } from 'node:fs/promises';
export async function plant(): Promise<void> { await writeFile('/tmp/x', ''); }`;
    expect(findIn(path, text)).toEqual([`${path}:2 writeFile`]);
    const repaired = `import { effect } from '@crewtab/domain/failpoint';
import { writeFile } from 'node:fs/promises';
export async function plant(): Promise<void> { await effect('process.planted', () => writeFile('/tmp/x', '')); }`;
    expect(findIn(path, repaired)).toEqual([]);
  });

  it('a process that is started or signalled, without any await', () => {
    const text = `import { spawn } from 'node:child_process';
export function plant(): void { spawn('true'); process.kill(1, 'SIGTERM'); }`;
    expect(findIn(path, text)).toEqual([`${path}:2 spawn`, `${path}:2 process.kill`]);
  });

  it('a container that is removed behind the back of `mutate`', () => {
    const text = `import type { EngineClient } from './engine/engine-client';
export async function plant(engine: EngineClient): Promise<void> {
  await engine.docker.getContainer('x').inspect();
  await engine.docker.getContainer('x').remove();
}`;
    const docker = 'libs/runtime-docker/planted.ts';
    expect(findIn(docker, text)).toEqual([`${docker}:4 engine.docker.getContainer('x').remove`]);
  });

  it('the same with a callback, where no promise answers', () => {
    const text = `import type { EngineClient } from './engine/engine-client';
export function plant(engine: EngineClient): void { engine.docker.getContainer('x').remove(() => undefined); }`;
    const docker = 'libs/runtime-docker/planted.ts';
    expect(findIn(docker, text)).toEqual([`${docker}:2 engine.docker.getContainer('x').remove`]);
  });

  it('a request, and what is written into it or into any other stream', () => {
    const text = `import { request } from 'node:http';
import type { Writable } from 'node:stream';
export function plant(stream: Writable): void {
  const asked = request('http://127.0.0.1');
  asked.end('x');
  stream.write('x');
}`;
    expect(findIn(path, text)).toEqual([`${path}:4 request`, `${path}:5 asked.end`, `${path}:6 stream.write`]);
  });

  it('a datagram, and a connection that is secured', () => {
    const text = `import { createSocket } from 'node:dgram';
import { connect } from 'node:tls';
export function plant(): void { createSocket('udp4').send('x', 1); connect(1); }`;
    expect(findIn(path, text)).toEqual([
      `${path}:3 createSocket('udp4').send`,
      `${path}:3 createSocket`,
      `${path}:3 connect`,
    ]);
  });

  it('what begins when it is made: a thread, also one of a class of its own, and the consumer of a queue', () => {
    const text = `import * as threads from 'node:worker_threads';
class OwnThread extends threads.Worker {}
class OtherThread extends threads.Worker { constructor() { super('x'); } }
export function plant(): void { new threads.Worker('x'); new OwnThread('x'); new OtherThread(); }`;
    expect(findIn(path, text)).toEqual([`${path}:3 super`, `${path}:4 new threads.Worker`, `${path}:4 new OwnThread`]);
    const consumer = `import { Worker } from 'bullmq';
export function plant(): Worker { return new Worker('x', async () => undefined); }`;
    const queue = 'libs/queue-bullmq/planted.ts';
    expect(findIn(queue, consumer)).toEqual([`${queue}:2 new Worker`]);
    const client = `import { Redis } from 'ioredis';
export function plant(): Redis { return new Redis(); }`;
    expect(findIn(queue, client)).toEqual([`${queue}:2 new Redis`]);
  });

  it('a job that is added', () => {
    const text = `import type { Queue } from 'bullmq';
export async function plant(queue: Queue): Promise<void> { await queue.add('x', {}); }`;
    const queue = 'libs/queue-bullmq/planted.ts';
    expect(findIn(queue, text)).toEqual([`${queue}:2 queue.add`]);
  });

  it('a second statement of a store method, which its port cannot stand around', () => {
    const head = `import type { Database } from './database/database';
const READ = { text: 'SELECT 1 FROM runs FOR UPDATE' };
const MOVE = { text: 'UPDATE runs SET phase = 1' };
const NOTE = { text: 'INSERT INTO notes VALUES (1)' };
`;
    const store = 'libs/store-prisma/planted.ts';
    const one = `export async function plant(db: Database): Promise<void> { await db.query(READ); await db.query(MOVE); }`;
    expect(findIn(store, head + one)).toEqual([]);
    const two = `export async function plant(db: Database): Promise<void> { await db.query(NOTE); await db.query(MOVE); }`;
    expect(findIn(store, head + two)).toEqual([`${store}:5 db.query`, `${store}:5 db.query`]);
  });

  it('a helper that is called from a funnel and from elsewhere', () => {
    const text = `import { effect } from '@crewtab/domain/failpoint';
import { rm } from 'node:fs/promises';
async function tidy(): Promise<void> { await rm('/tmp/x'); }
export async function plant(): Promise<void> { await effect('process.planted', () => tidy()); await tidy(); }`;
    expect(findIn(path, text)).toEqual([`${path}:3 rm`]);
    expect(findIn(path, text.replace(' await tidy(); }', ' }'))).toEqual([]);
  });

  it('anything else of others that answers with a promise', () => {
    const text = `export async function plant(): Promise<void> { await fetch('http://127.0.0.1'); }`;
    expect(findIn('apps/worker/src/planted.ts', text)).toEqual(['apps/worker/src/planted.ts:1 fetch']);
  });
});
