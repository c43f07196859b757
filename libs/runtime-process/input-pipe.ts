import { constants } from 'node:fs';
import { open, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { AppError } from '@crewtab/domain/errors';
import { effect } from '@crewtab/domain/failpoint';
import { ignoring } from './run-folders';

const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 100;

/**
 * The writing end of an agent's stdin. Never blocks a thread: an agent that does not read makes a write wait, until it
 * has taken nothing for `timeoutMs` or the channel is closed; one that is gone makes it fail.
 */
export class InputPipe {
  private handle: FileHandle | null = null;
  private isClosed = false;
  private last: Promise<void> = Promise.resolve();

  constructor(
    private readonly agentDir: string,
    private readonly timeoutMs: number,
  ) {}

  write(data: string): Promise<void> {
    return this.inTurn(() => this.writeAll(Buffer.from(data)));
  }

  /** Asks the supervisor to close its writing end too, which it does for `once`. Idempotent. */
  endInput(): Promise<void> {
    return this.inTurn(async () => {
      await this.release();
      try {
        const path = join(this.agentDir, 'state', 'stdin-ended');
        // Only as a new file: a link that an agent puts there would lead elsewhere.
        await effect('process.stdin.end', () => writeFile(path, '', { flag: 'wx' }).catch(ignoring('EEXIST')));
      } catch (error) {
        throw toInputError(error);
      }
    });
  }

  close(): void {
    this.isClosed = true;
    void this.inTurn(() => this.release());
  }

  private async writeAll(bytes: Buffer): Promise<void> {
    try {
      this.handle ??= await openPipe(join(this.agentDir, 'stdin'));
      let pauseMs = FIRST_PAUSE_MS;
      let tookAtMs = performance.now();
      for (let from = 0; from < bytes.length;) {
        this.throwIfUnread(tookAtMs);
        const written = await this.writeSome(this.handle, bytes.subarray(from));
        from += written;
        if (written > 0) tookAtMs = performance.now();
        pauseMs = written > 0 ? FIRST_PAUSE_MS : Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
        if (written === 0) await pause(pauseMs);
      }
    } catch (error) {
      throw toInputError(error);
    }
  }

  private throwIfUnread(tookAtMs: number): void {
    if (this.isClosed) {
      throw new AppError('engine_error', 'the channel was closed while the agent had not read what was written to it');
    }
    if (performance.now() - tookAtMs <= this.timeoutMs) return;
    const words = `the agent did not read what was written to it within ${this.timeoutMs / 1_000} s`;
    throw new AppError('engine_unreachable', words, { retryable: true });
  }

  /** 0 while the pipe is full. */
  private async writeSome(handle: FileHandle, bytes: Buffer): Promise<number> {
    try {
      return (await effect('process.stdin.write', () => handle.write(bytes))).bytesWritten;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
      throw error;
    }
  }

  private async release(): Promise<void> {
    const { handle } = this;
    this.handle = null;
    await handle?.close();
  }

  private inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.last.then(work);
    this.last = done.catch(() => undefined);
    return done;
  }
}

async function openPipe(path: string): Promise<FileHandle> {
  const handle = await open(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  if ((await handle.stat()).isFIFO()) return handle;
  await handle.close();
  throw new AppError('engine_error', `${path} is not what Crewtab made: an agent has replaced its own input`);
}

function toInputError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENXIO' || code === 'EPIPE')
    return new AppError('agent_exited', 'the agent takes no input any more', { cause: error });
  if (code === 'ENOENT') return new AppError('agent_vanished', 'the directory of the agent is gone', { cause: error });
  return new AppError('engine_error', `could not write to the agent: ${message}`, { cause: error });
}
