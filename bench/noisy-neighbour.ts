import type { FakeAgentIo } from '@test/fakes/runtime/fake-agent';
import type { Bench, BenchContext, Figure } from './harness/bench';
import { until } from './harness/due-instant';
import { takeTurns } from './harness/fire-lag';
import { OneWorker } from './harness/one-worker';
import { percentile, show } from './harness/statistics';

const ITERATIONS = 6;
const QUESTIONS = 200;
/** Lines that the agent that floods writes at a time: far more than can be stored. */
const LINES_AT_A_TIME = 500;
const FLOOD_EVERY_MS = 5;

export const noisyNeighbour: Bench = {
  name: 'noisy-neighbour',
  about: "a run's conversation beside a run that floods its output, on one worker, over the same alone",
  needsDocker: false,
  async run(context: BenchContext): Promise<Figure[]> {
    const worker = await OneWorker.open(context, { questions: QUESTIONS, disturb: flood });
    try {
      const [beside, alone, flooded]: [number[], number[], number[]] = [[], [], []];
      const runBeside = async (): Promise<void> => {
        const neighbour = await worker.beginNeighbour();
        await until('the flood is stored', async () => (await worker.messagesOf(neighbour)) > 2_000);
        const from = await worker.messagesOf(neighbour);
        beside.push(await worker.talk());
        flooded.push((await worker.messagesOf(neighbour)) - from);
        await worker.endNeighbour(neighbour);
      };
      const runAlone = async (): Promise<void> => void alone.push(await worker.talk());
      await takeTurns(1 + ITERATIONS, runBeside, runAlone);
      return [
        {
          name: 'conversation beside a flood',
          unit: 'ms',
          ours: beside.slice(1),
          base: alone.slice(1),
          at: 'p50',
          aim: { of: 'ratio', relation: '≤', limit: 1.2 },
          breakdown: [
            `${QUESTIONS} questions; meanwhile ${show(percentile(flooded, 'p50'))} messages of the other run were stored`,
          ],
        },
      ];
    } finally {
      await worker.close();
    }
  },
};

function flood(io: FakeAgentIo): void {
  for (let line = 0; line < LINES_AT_A_TIME; line++) io.emit('{"level":"info","msg":"here I am once more"}');
  io.after(FLOOD_EVERY_MS, () => flood(io));
}
