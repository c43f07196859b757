import { readFileSync } from 'node:fs';
import { Crewtab } from '../e2e/support/crewtab';
import { saidIn } from '../kit/client';
import { describeWithDocker } from '../kit/services/docker';
import { endRun, program, startRun } from './support/hostile-run';

const MEBIBYTE = 1024 ** 2;
/** What a worker may take at most, more than at rest: twice the bytes of calls that a run may have, as text and as bytes. */
const MOST_GROWTH_BYTES = 256 * MEBIBYTE;

jest.setTimeout(120_000);

describeWithDocker('a run that asks for too much', () => {
  let crewtab: Crewtab;

  beforeAll(async () => {
    crewtab = await Crewtab.start();
  });

  afterAll(() => (crewtab as Crewtab | undefined)?.stop());

  function peakMemory(): number {
    const status = readFileSync(`/proc/${crewtab.workers[0]?.pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  }

  it('of its tools, by calls that never end: the worker does not grow, and another run goes on', async () => {
    await endRun(crewtab, await startRun(crewtab, 'delegate helper: answer well'));
    const before = peakMemory();
    const attack = program((load) => {
      const net = load('node:net') as typeof import('node:net');
      const part = Buffer.alloc(15 * 1024 * 1024, 'x');
      let broken = 0;
      for (let count = 0; count < 64; count += 1) {
        const socket = net.createConnection('/run/crewtab/team.sock');
        socket.on('error', () => undefined);
        socket.on('close', () => (broken += 1));
        socket.resume();
        socket.write(part);
      }
      setTimeout(() => {
        console.log(`broken off: ${broken}`);
        process.exit();
      }, 8_000);
    });
    const hostile = await startRun(crewtab, attack);
    await crewtab.api.untilRun(hostile.id, ({ phase }) => phase === 'monitoring');
    const harmless = await endRun(crewtab, await startRun(crewtab, 'delegate helper: answer well'));
    expect(harmless.said).toContain('helper says: well');
    const { run, said } = await endRun(crewtab, hostile);
    expect(run.status).toBe('success');
    expect(Number(/broken off: (\d+)/.exec(said)?.[1])).toBeGreaterThan(48);
    expect(peakMemory() - before).toBeLessThan(MOST_GROWTH_BYTES);
  });

  it('of its engine, by a PATH of thousands of folders: it starts as fast as any', async () => {
    const path = Array.from({ length: 4_000 }, (_, index) => `/x${index}`).join(':');
    const run = await startRun(crewtab, 'answer well', { env: { PATH: `${path}:/usr/bin` } });
    const { run: ended } = await endRun(crewtab, run);
    expect(ended).toMatchObject({ status: 'success', teardown: { containers: 2 } });
    expect(saidIn(await crewtab.api.messages(run.id))).toContain('well');
  });
});
