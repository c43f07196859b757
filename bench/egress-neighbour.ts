import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { getPriority, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { UnixEgressProxy } from '@crewtab/egress-proxy/unix-egress-proxy';
import { silentLogger } from '@test/fakes/silent-logger';
import type { Bench, BenchContext, Figure } from './harness/bench';
import type { Load, LoadCounts, LoadOrder, LoadReport } from './harness/egress-load';
import { takeTurns } from './harness/fire-lag';
import { OneWorker } from './harness/one-worker';
import { percentile, show } from './harness/statistics';

const ITERATIONS = 4;
const QUESTIONS = 50;
const CONNECTIONS = 200;
const LOADS: Readonly<Record<Load, string>> = {
  talk: 'open, a kilobyte each way ten times a second',
  bulk: 'downloading as fast as they get',
  short: 'opened anew for every kilobyte',
};
/** Of the other process, beyond this one's own. */
const NICER_BY = 10;
const NICEST = 19;
/** This file is compiled to dist/bench. */
const EGRESS_LOAD = join(__dirname, 'harness/egress-load.js');

export const egressNeighbour: Bench = {
  name: 'egress-neighbour',
  about: `a run's conversation beside ${CONNECTIONS} connections of another run through the egress proxy, over the same alone`,
  needsDocker: false,
  async run(context: BenchContext): Promise<Figure[]> {
    const outside = await Outside.start();
    const rootDir = await mkdtemp(join(tmpdir(), 'bench-egress-'));
    const egressProxy = new UnixEgressProxy({
      rootDir,
      limits: { connections: 256, bytes: Infinity, connectionsPerSecond: 200, bytesPerSecond: 100 * 2 ** 20 },
      allowedCidrs: ['127.0.0.0/8'],
      upstreamProxy: null,
      logger: silentLogger,
    });
    let load: Load = 'talk';
    let hasBegun: (counts: Promise<unknown>) => void = () => undefined;
    const worker = await OneWorker.open(context, {
      questions: QUESTIONS,
      hosts: [`127.0.0.1:${outside.port}`],
      egressProxy,
      disturb: ({ deployment: { network } }) => {
        if (network.kind !== 'allowlist') throw new Error('the run has no way out');
        const socketPath = join(network.hostFolder, network.socketName);
        hasBegun(outside.connect({ load, connections: CONNECTIONS, socketPath }));
      },
    });
    try {
      const figures: Figure[] = [];
      for (load of Object.keys(LOADS) as Load[]) {
        const [beside, alone, rates]: [number[], number[], string[]] = [[], [], []];
        const runBeside = async (): Promise<void> => {
          const begun = new Promise<unknown>((resolve) => (hasBegun = resolve));
          const neighbour = await worker.beginNeighbour();
          await begun;
          const ms = await worker.talk();
          const { connections, bytes } = await outside.disconnect();
          await worker.endNeighbour(neighbour);
          beside.push(ms);
          rates.push(`${show(connections)} connections, ${show(bytes / 2 ** 20)} MiB`);
        };
        const runAlone = async (): Promise<void> => void alone.push(await worker.talk());
        await takeTurns(1 + ITERATIONS, runBeside, runAlone);
        figures.push({
          name: `conversation beside ${CONNECTIONS} connections, ${LOADS[load]}`,
          unit: 'ms',
          ours: beside.slice(1),
          base: alone.slice(1),
          at: 'p50',
          aim: { of: 'ratio', relation: '≤', limit: 1.2 },
          breakdown: [
            `${QUESTIONS} questions in ${show(percentile(beside, 'p50'))} ms; through the proxy meanwhile: ${rates.slice(1).join('; ')}`,
          ],
        });
      }
      return figures;
    } finally {
      outside.stop();
      await worker.close();
      await rm(rootDir, { recursive: true, force: true });
    }
  },
};

/** The agent's programs and the host that they reach, in another process. */
class Outside {
  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {}

  static async start(): Promise<Outside> {
    const child = fork(EGRESS_LOAD);
    // What it stands for is not on the worker's cores: it gets what others leave, also where the bench itself has little.
    if (child.pid !== undefined) setPriority(child.pid, Math.min(NICEST, getPriority() + NICER_BY));
    const [report] = (await once(child, 'message')) as [Extract<LoadReport, { port: number }>];
    return new Outside(child, report.port);
  }

  /** Resolves when all connections are open. */
  async connect(order: LoadOrder): Promise<void> {
    const opened = once(this.child, 'message');
    this.child.send(order);
    await opened;
  }

  /** @returns what went through since they began */
  async disconnect(): Promise<LoadCounts> {
    const done = once(this.child, 'message');
    this.child.send('stop');
    const [report] = (await done) as [Extract<LoadReport, { done: LoadCounts }>];
    return report.done;
  }

  stop(): void {
    this.child.disconnect();
  }
}
