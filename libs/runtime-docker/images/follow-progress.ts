import { AppError, type ErrorCode } from '@crewtab/domain/errors';
import { EngineRefusal, opaque, readJsonLines, sortEngineError } from '../engine/engine-client';

/** One message of the engine's stream while it pulls, imports or builds. */
export interface ProgressMessage {
  readonly status?: string;
  readonly id?: string;
  readonly error?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  /** Of a build: what it writes. */
  readonly stream?: string;
}

export interface FollowedCall {
  /** In words: `pull busybox`. */
  readonly what: string;
  readonly signal: AbortSignal | null;
  readonly failedCode: ErrorCode;
  /** Without any message for so long it is given up, ms. */
  readonly silenceLimitMs: number;
  readonly call: (abortSignal: AbortSignal) => Promise<NodeJS.ReadableStream>;
  readonly onMessage: (message: ProgressMessage) => void;
}

/** Ways in which registries and engines say that there is no such image. */
const NOT_FOUND =
  /not found|no such image|manifest unknown|does not exist|pull access denied|invalid reference|name unknown/i;

/** In the words of a call that was given up because nothing more came. */
export const NO_PROGRESS = 'no progress';

/** Reads a progress stream to its end. */
export async function followProgress(followed: FollowedCall): Promise<void> {
  const { what, signal, failedCode, silenceLimitMs, call, onMessage } = followed;
  const abort = new AbortController();
  opaque(abort.signal);
  const giveUp = (): void => abort.abort();
  let isStalled = false;
  const timer = setTimeout(() => {
    isStalled = true;
    abort.abort();
  }, silenceLimitMs);
  signal?.addEventListener('abort', giveUp, { once: true });
  try {
    if (signal?.aborted) abort.abort();
    const stream = await call(abort.signal);
    for await (const message of readJsonLines(stream as AsyncIterable<Buffer>)) {
      timer.refresh();
      const { error } = message as ProgressMessage;
      if (error !== undefined) throw new EngineRefusal(500, error, message);
      onMessage(message as ProgressMessage);
    }
  } catch (error) {
    if (signal?.aborted)
      throw new AppError('engine_error', `given up: ${what}`, { retryable: true, cause: signal.reason });
    if (isStalled) throw new AppError(failedCode, `${what}: ${NO_PROGRESS} for ${silenceLimitMs} ms`, { cause: error });
    throw failureOf(sortEngineError(error, what), failedCode);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
  }
}

function failureOf(error: AppError | EngineRefusal, failedCode: ErrorCode): AppError {
  if (error instanceof AppError) return error;
  const isNotFound =
    failedCode === 'image_pull_failed' &&
    (NOT_FOUND.test(error.words) || error.statusCode === 404 || error.statusCode === 400);
  return new AppError(isNotFound ? 'image_not_found' : failedCode, error.words, { cause: error });
}
