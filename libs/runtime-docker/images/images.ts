import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { AppError, type ErrorCode } from '@crewtab/domain/errors';
import { effect } from '@crewtab/domain/failpoint';
import type { DeployOptions } from '@crewtab/domain/ports/runtime';
import type Docker from 'dockerode';
import {
  opaque,
  type EngineClient,
  readJsonLines,
  EngineRefusal,
  isRefusal,
  sortEngineError,
  toAppError,
} from '../engine/engine-client';

/** Ways in which registries and engines say that there is no such image. */
const NOT_FOUND =
  /not found|no such image|manifest unknown|does not exist|pull access denied|invalid reference|name unknown/i;

const REFERENCE = /^[A-Za-z0-9][A-Za-z0-9._/:@-]*$/;

/** Images on the engine. */
export class Images {
  constructor(private readonly engine: EngineClient) {}

  /** Null where the engine does not have it. */
  async find(reference: string): Promise<Docker.ImageInspectInfo | null> {
    // It becomes part of a path of the engine's API.
    if (!REFERENCE.test(reference) || reference.includes('..'))
      throw new AppError('image_not_found', `"${reference}" is not an image reference`);
    try {
      return await this.engine.read(`inspect image ${reference}`, () =>
        this.engine.docker.getImage(reference).inspect(),
      );
    } catch (error) {
      if (isRefusal(error, 404, 400)) return null;
      throw toAppError(error);
    }
  }

  /** Pulls it where it is absent. Throws `image_not_found` or `image_pull_failed` in the engine's words. */
  async ensure(reference: string, options: DeployOptions): Promise<Docker.ImageInspectInfo> {
    const present = await this.find(reference);
    if (present) return present;
    options.onProgress(`pulling ${reference}`);
    const progress = new PullProgress(reference);
    const what = `pull ${reference}`;
    const onMessage = (message: PullMessage): void => {
      const words = progress.add(message, performance.now());
      if (words !== null) options.onProgress(words);
    };
    const call = (abortSignal: AbortSignal): Promise<NodeJS.ReadableStream> =>
      effect('docker.image.pull', () => this.engine.docker.createImage({ ...splitReference(reference), abortSignal }));
    await this.follow(what, options.signal, 'image_pull_failed', call, onMessage);
    const pulled = await this.find(reference);
    if (!pulled) throw new AppError('image_not_found', `the engine pulled ${reference} but does not have it`);
    options.onProgress(`pulled ${reference}`);
    return pulled;
  }

  /** Makes an image of a root file system, as `docker import` does. `changes` are Dockerfile instructions. */
  async import(tar: Readable | string, reference: string, changes: readonly string[]): Promise<void> {
    const { fromImage: repo, tag } = splitReference(reference);
    const file = typeof tar === 'string' ? createReadStream(tar) : tar;
    const call = (abortSignal: AbortSignal): Promise<NodeJS.ReadableStream> =>
      this.engine.docker.importImage(file, { repo, tag, changes: [...changes], abortSignal });
    await this.follow(`import ${reference}`, null, 'engine_error', call, () => undefined);
  }

  /** Reads a progress stream to its end. Without any message for the stall limit it is given up. */
  private async follow(
    what: string,
    signal: AbortSignal | null,
    failedCode: ErrorCode,
    call: (abortSignal: AbortSignal) => Promise<NodeJS.ReadableStream>,
    onMessage: (message: PullMessage) => void,
  ): Promise<void> {
    const { stallMs } = this.engine.limits;
    const abort = new AbortController();
    opaque(abort.signal);
    const giveUp = (): void => abort.abort();
    let isStalled = false;
    const timer = setTimeout(() => {
      isStalled = true;
      abort.abort();
    }, stallMs);
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      if (signal?.aborted) abort.abort();
      const stream = await call(abort.signal);
      for await (const message of readJsonLines(stream as AsyncIterable<Buffer>)) {
        timer.refresh();
        const { error } = message as PullMessage;
        if (error !== undefined) throw new EngineRefusal(500, error, message);
        onMessage(message as PullMessage);
      }
    } catch (error) {
      if (signal?.aborted)
        throw new AppError('engine_error', `given up: ${what}`, { retryable: true, cause: signal.reason });
      if (isStalled) throw new AppError(failedCode, `${what}: no progress for ${stallMs} ms`, { cause: error });
      throw pullFailure(sortEngineError(error, what), failedCode);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
    }
  }
}

function pullFailure(error: AppError | EngineRefusal, failedCode: ErrorCode): AppError {
  if (error instanceof AppError) return error;
  const isNotFound =
    failedCode === 'image_pull_failed' &&
    (NOT_FOUND.test(error.words) || error.statusCode === 404 || error.statusCode === 400);
  return new AppError(isNotFound ? 'image_not_found' : failedCode, error.words, { cause: error });
}

/** What the engine's pull takes: without a tag it would fetch every tag there is, so the default is named. */
export function splitReference(reference: string): { readonly fromImage: string; readonly tag: string } {
  const at = reference.indexOf('@');
  if (at >= 0) return { fromImage: reference.slice(0, at), tag: reference.slice(at + 1) };
  const colon = reference.lastIndexOf(':');
  // A colon before the last slash belongs to a registry's port.
  if (colon > reference.lastIndexOf('/'))
    return { fromImage: reference.slice(0, colon), tag: reference.slice(colon + 1) };
  return { fromImage: reference, tag: 'latest' };
}

/** One message of the engine's pull (or import) stream. */
export interface PullMessage {
  readonly status?: string;
  readonly id?: string;
  readonly error?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

const TELL_EVERY_MS = 1_000;

/** Makes words of a pull's layers, at most one a second. */
export class PullProgress {
  private readonly layers = new Map<string, { done: number; total: number }>();
  private toldAtMs = -Infinity;
  private toldPercent = -1;

  constructor(private readonly image: string) {}

  /** @returns words worth telling, or null. `nowMs` is monotonic. */
  add(message: PullMessage, nowMs: number): string | null {
    this.note(message);
    const percent = this.percent();
    if (percent === null || percent === this.toldPercent || nowMs - this.toldAtMs < TELL_EVERY_MS) return null;
    this.toldAtMs = nowMs;
    this.toldPercent = percent;
    return `pulling ${this.image} … ${percent} %`;
  }

  private note({ id, status, progressDetail }: PullMessage): void {
    if (id === undefined) return;
    const { current, total } = progressDetail ?? {};
    if (status === 'Downloading' && current !== undefined && total !== undefined && total > 0)
      this.layers.set(id, { done: current, total });
    const layer = this.layers.get(id);
    if (layer && (status === 'Download complete' || status === 'Pull complete' || status === 'Extracting'))
      layer.done = layer.total;
  }

  /** Of the layers whose size is known so far; null before the first. */
  private percent(): number | null {
    let done = 0;
    let total = 0;
    for (const layer of this.layers.values()) {
      done += layer.done;
      total += layer.total;
    }
    return total === 0 ? null : Math.floor((100 * done) / total);
  }
}
