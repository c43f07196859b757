import { AppError, toFailure, type ErrorCode } from '@crewtab/domain/errors';
import type { Clock } from '@crewtab/domain/ports/clock';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { Work } from '@crewtab/domain/runs/observation';
import { backoffMs } from '../timing';

export interface BackgroundWorkOptions<T> {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Repeated for as long as it fails in a way that may pass. */
  readonly work: (signal: AbortSignal) => Promise<T>;
  /** Of a failure that has no code. */
  readonly otherwise: ErrorCode;
  readonly onChange: () => void;
}

/** Work that goes on beside the loop of a run, which only looks how it stands: a cancel or the deadline can cut it short. */
export class BackgroundWork<T> {
  private now: Work<T> = { status: 'under_way' };
  private readonly abort = new AbortController();
  private readonly end: Promise<void>;

  constructor(private readonly options: BackgroundWorkOptions<T>) {
    this.end = this.run();
  }

  get state(): Work<T> {
    return this.now;
  }

  /** Resolves when none of it is under way any more. */
  async stop(): Promise<void> {
    this.abort.abort();
    await this.end;
  }

  private async run(): Promise<void> {
    const { work, otherwise, onChange } = this.options;
    try {
      this.now = { status: 'done', result: await this.untilAnswered(work) };
    } catch (error) {
      this.now = { status: 'failed', failure: toFailure(error, otherwise) };
    }
    if (!this.abort.signal.aborted) onChange();
  }

  private async untilAnswered(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, logger } = this.options;
    const { signal } = this.abort;
    for (let failures = 1; ; failures++) {
      try {
        return await work(signal);
      } catch (error) {
        if (!(error instanceof AppError) || !error.retryable || signal.aborted) throw error;
        logger.warn({ error: error.message, failures }, 'work on what a team left was interrupted; trying again');
        await pause(clock, backoffMs(failures, 200, 5_000), signal);
      }
    }
  }
}

/** Ends early when the signal aborts. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = (): void => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(ms, end);
    signal.addEventListener('abort', end);
  });
}
