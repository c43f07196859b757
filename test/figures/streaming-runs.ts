import { saidIn, type Message } from '../kit/client';
import { eventually } from '../kit/wait-for';
import type { MeasuredInstallation } from './installation';

const CHUNKS = 300;
const PROMPT = `stream ${CHUNKS} every 200ms`;

/** What became of runs that count aloud for a minute each while something is done to the product. */
export interface Counted {
  readonly runs: number;
  /** In words: runs that were no success. */
  readonly harmed: readonly string[];
  /** Numbers that are absent from a conversation, stored twice, or out of order. */
  readonly messagesWrong: number;
  readonly messages: number;
}

/** Keeps so many of them active until it is told to stop, then waits for the last ones and counts. */
export class StreamingRuns {
  private readonly runs: string[] = [];
  private isEnding = false;
  private readonly lanes: Promise<void>[];

  private constructor(
    private readonly crewtab: MeasuredInstallation,
    private readonly scheduleId: string,
    atOnce: number,
  ) {
    this.lanes = Array.from({ length: atOnce }, () => this.lane());
  }

  static async start(crewtab: MeasuredInstallation, atOnce: number): Promise<StreamingRuns> {
    return new StreamingRuns(crewtab, await crewtab.schedule(PROMPT), atOnce);
  }

  async end(): Promise<Counted> {
    this.isEnding = true;
    await Promise.all(this.lanes);
    const harmed: string[] = [];
    let messagesWrong = 0;
    for (const id of this.runs) {
      const run = await this.crewtab.api().run(id);
      if (run.status !== 'success')
        harmed.push(`${id}: ${run.status} ${run.error?.code ?? ''} ${run.error?.message ?? ''}`);
      messagesWrong += countWrong(await this.crewtab.api().messages(id));
    }
    return { runs: this.runs.length, harmed, messagesWrong, messages: this.runs.length * CHUNKS };
  }

  /** The API itself may be away for a moment. A run whose beginning got no answer goes uncounted. */
  private async lane(): Promise<void> {
    while (!this.isEnding) {
      const { id } = await this.patiently(() => this.crewtab.api().trigger(this.scheduleId));
      this.runs.push(id);
      await this.patiently(async () => (await this.crewtab.api().run(id)).phase === 'finished');
    }
  }

  private patiently<T>(attempt: () => Promise<T>): Promise<Exclude<T, false>> {
    return eventually(attempt, { timeoutMs: 240_000, intervalMs: 500 });
  }
}

function countWrong(messages: readonly Message[]): number {
  const numbers = [...saidIn(messages).matchAll(/chunk (\d+)\n/g)].map(([, number]) => Number(number));
  const expected = Array.from({ length: CHUNKS }, (_, index) => index + 1);
  if (numbers.join() === expected.join()) return 0;
  const seen = new Map<number, number>();
  for (const number of numbers) seen.set(number, (seen.get(number) ?? 0) + 1);
  return Math.max(1, expected.filter((number) => seen.get(number) !== 1).length);
}
