import { scaled, type Figure, type Result } from './figure';
import type { MeasuredInstallation } from './installation';
import { StreamingRuns, type Counted } from './streaming-runs';

const RESTARTS = 20;
const WORKERS = 3;
const SCHEDULERS = 2;
const RUNS_AT_ONCE = 6;

export const rollingRestarts: Figure = {
  name: 'rolling-restarts',
  about: '20 restarts of all workers and schedulers, one after the other, during long runs: nothing harmed or lost',
  async measure({ install, scale, log }) {
    const crewtab = await install({ workers: WORKERS, schedulers: SCHEDULERS });
    const streaming = await StreamingRuns.start(crewtab, RUNS_AT_ONCE);
    const restarts = scaled(RESTARTS, scale);
    for (let restart = 1; restart <= restarts; restart++) {
      await Promise.all([restartWorkers(crewtab), restartSchedulers(crewtab)]);
      log(`rolling restart ${restart} of ${restarts}`);
    }
    return harmless(
      `${restarts} rolling restarts of ${WORKERS} workers and ${SCHEDULERS} schedulers`,
      await streaming.end(),
      log,
    );
  },
};

/** One after the other, each ready before the next one ends. */
async function restartWorkers(crewtab: MeasuredInstallation): Promise<void> {
  for (const worker of crewtab.runningWorkers()) {
    worker.kill('SIGTERM');
    await worker.exited;
    await crewtab.startWorker();
  }
}

async function restartSchedulers(crewtab: MeasuredInstallation): Promise<void> {
  for (let number = 0; number < SCHEDULERS; number++) {
    crewtab.schedulers[number]?.kill('SIGTERM');
    await crewtab.schedulers[number]?.exited;
    await crewtab.startNumbered(number);
  }
}

/** Two lines that count what was harmed; every harmed run is named. */
export function harmless(what: string, counted: Counted, log: (line: string) => void): Result[] {
  for (const harmed of counted.harmed) log(`harmed: ${harmed}`);
  return [
    {
      what: `${what}: runs harmed`,
      seconds: null,
      counted: `${counted.harmed.length} of ${counted.runs}`,
      aim: '0',
      isMet: counted.harmed.length === 0,
    },
    {
      what: `${what}: messages lost, doubled or out of order`,
      seconds: null,
      counted: `${counted.messagesWrong} of ${counted.messages}`,
      aim: '0',
      isMet: counted.messagesWrong === 0,
    },
  ];
}
