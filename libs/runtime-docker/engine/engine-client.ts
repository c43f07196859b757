import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { inspect } from 'node:util';
import { effect } from '@crewtab/domain/failpoint';
import Docker from 'dockerode';
import type { CallLimits, DockerSettings } from '../docker-options';
import { AppError } from '@crewtab/domain/errors';

export interface MutationOptions {
  readonly priority: MutationPriority;
  /** Gives up while the call waits for its turn. A call under way is never cut: its effect would come unseen. */
  readonly signal?: AbortSignal;
}

/** The engine, with a time limit on every call and errors that say whether it answered. */
export class EngineClient {
  readonly docker: Docker;
  readonly limits: CallLimits;
  private readonly agent: HttpAgent;
  private readonly limiter: MutationLimiter;

  constructor(dockerHost: string | null, settings: DockerSettings) {
    const connection = connectionTo(dockerHost);
    // An agent of its own, so that close() can end its idle connections.
    this.agent = opaque(
      connection.protocol === 'https' ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true }),
    );
    this.docker = new Docker({ ...connection, ...(connection.protocol === 'ssh' ? {} : { agent: this.agent }) });
    this.limits = settings.limits;
    this.limiter = new MutationLimiter(settings.mutationsAtOnce);
  }

  /** A call without effect. Throws AppError `engine_unreachable` or EngineRefusal. */
  read<T>(what: string, call: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    return withinLimit(what, this.limits.readMs, call);
  }

  /**
   * A call with effect, when its turn has come. The limit counts from then.
   * @param effectName as for `effect`
   */
  mutate<T>(
    effectName: string,
    what: string,
    options: MutationOptions,
    call: (abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return this.limiter.run(options.priority, options.signal ?? null, () =>
      effect(effectName, () => withinLimit(what, this.limits.mutateMs, call)),
    );
  }

  close(): void {
    this.agent.destroy();
  }
}

/** Runs one call; after `limitMs` it is aborted and counts as not answered. */
export async function withinLimit<T>(
  what: string,
  limitMs: number,
  call: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  opaque(abort.signal);
  let timer: NodeJS.Timeout | undefined;
  // dockerode settles an aborted call in most states of a request, but not in all: the limit does not rely on it.
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(unreachable(what, `no answer within ${limitMs} ms`));
      abort.abort();
    }, limitMs);
  });
  try {
    return await Promise.race([call(abort.signal), late]);
  } catch (error) {
    throw sortEngineError(error, what);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * dockerode writes every request's options out in full for its debug log, whether that is on or not: with an agent's
 * sockets or a signal's listeners among them that is hundreds of kilobytes of text, and most of the time of a call.
 */
export function opaque<T extends object>(value: T): T {
  return Object.defineProperty(value, inspect.custom, { value: () => '[…]', enumerable: false });
}

type Connection = Docker.DockerOptions & { protocol?: 'https' | 'http' | 'ssh' };

/**
 * What DOCKER_HOST means. Explicit in both halves (socket and host), because dockerode fills gaps from the environment.
 * TLS files (DOCKER_CERT_PATH) are found by dockerode itself.
 */
export function connectionTo(dockerHost: string | null): Connection {
  if (dockerHost === null || dockerHost === '') return {};
  // A pipe is Windows' kind of socket.
  if (/^(unix:\/\/|npipe:\/\/|\/)/.test(dockerHost)) {
    return { socketPath: dockerHost.replace(/^(unix|npipe):\/\//, ''), ...WITHOUT_HOST };
  }
  const { protocol, hostname, port, username } = new URL(
    dockerHost.includes('//') ? dockerHost : `tcp://${dockerHost}`,
  );
  if (protocol === 'ssh:') return { protocol: 'ssh', host: hostname, port: port || 22, username };
  const isTls = protocol === 'https:' || port === '2376';
  return { protocol: isTls ? 'https' : 'http', host: hostname, port: port || (isTls ? 2376 : 2375) };
}

const WITHOUT_HOST = { host: undefined, protocol: 'http' } as const;

/** Reads one JSON value a line, as the engine's event and progress streams give them. */
export async function* readJsonLines(stream: AsyncIterable<Buffer | string>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let pending = '';
  for await (const chunk of stream) {
    const parts = (pending + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))).split('\n');
    pending = parts.pop() ?? '';
    for (const part of parts) if (part.trim() !== '') yield JSON.parse(part);
  }
  if (pending.trim() !== '') yield JSON.parse(pending);
}

/** The engine answered, and the answer was a refusal. `words` are its own. */
export class EngineRefusal extends Error {
  constructor(
    readonly statusCode: number,
    readonly words: string,
    cause: unknown,
  ) {
    super(words, { cause });
    this.name = 'EngineRefusal';
  }
}

/** Answers of a proxy before the engine, which say that the engine itself did not answer. */
const PROXY_STATUS_CODES = [502, 503, 504];

interface ModemError {
  readonly statusCode?: unknown;
  readonly json?: unknown;
  readonly message?: unknown;
}

/**
 * Sorts what dockerode threw: an `EngineRefusal` where the engine answered, otherwise `engine_unreachable`.
 * @param what the call, in words: "start marketing-team-run-3f9a1c-lead"
 */
export function sortEngineError(error: unknown, what: string): AppError | EngineRefusal {
  if (error instanceof AppError || error instanceof EngineRefusal) return error;
  const { statusCode, json, message } = (error ?? {}) as ModemError;
  if (typeof statusCode === 'number' && !PROXY_STATUS_CODES.includes(statusCode)) {
    return new EngineRefusal(statusCode, engineMessage(json, String(message)), error);
  }
  return unreachable(what, typeof message === 'string' && message !== '' ? message : String(error), error);
}

export function unreachable(what: string, why: string, cause?: unknown): AppError {
  return new AppError('engine_unreachable', `the container engine did not answer (${what}): ${why}`, {
    retryable: true,
    cause,
  });
}

/** For refusals that the caller has no answer to. */
export function toAppError(error: unknown): unknown {
  return error instanceof EngineRefusal ? new AppError('engine_error', error.words, { cause: error }) : error;
}

export function isRefusal(error: unknown, ...statusCodes: number[]): error is EngineRefusal {
  return error instanceof EngineRefusal && statusCodes.includes(error.statusCode);
}

/** The engine's message as it gave it, without dockerode's "(HTTP code 404) …" around it. */
function engineMessage(json: unknown, fallback: string): string {
  if (typeof json === 'object' && json !== null && 'message' in json && typeof json.message === 'string')
    return json.message.trim();
  return fallback.replace(/^\(HTTP code \d+\) [^-]* - /, '').trim();
}

/** Deploys go before teardowns: an agent's user waits for a deploy. */
export type MutationPriority = 'deploy' | 'teardown';

interface Waiting {
  readonly begin: () => void;
}

/**
 * Lets a limited number of engine mutations run at once. Beyond about twice the engine's cores more of them at once
 * only make each one slower.
 */
export class MutationLimiter {
  private running = 0;
  private readonly queues: Record<MutationPriority, Waiting[]> = { deploy: [], teardown: [] };

  constructor(private readonly limit: number) {
    if (!Number.isInteger(limit) || limit < 1) throw new RangeError(`not a limit: ${limit}`);
  }

  /** Runs the call when its turn has come. An abort while it waits throws; once it runs, it is left to end. */
  async run<T>(priority: MutationPriority, signal: AbortSignal | null, call: () => Promise<T>): Promise<T> {
    await this.turn(priority, signal);
    try {
      return await call();
    } finally {
      this.running--;
      (this.queues.deploy.shift() ?? this.queues.teardown.shift())?.begin();
    }
  }

  private async turn(priority: MutationPriority, signal: AbortSignal | null): Promise<void> {
    if (signal?.aborted) throw aborted(signal);
    if (this.running < this.limit) {
      this.running++;
      return;
    }
    const queue = this.queues[priority];
    await new Promise<void>((resolve, reject) => {
      const giveUp = (): void => {
        queue.splice(queue.indexOf(waiting), 1);
        reject(aborted(signal));
      };
      const begin = (): void => {
        signal?.removeEventListener('abort', giveUp);
        this.running++;
        resolve();
      };
      const waiting: Waiting = { begin };
      queue.push(waiting);
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  }
}

export function aborted(signal: AbortSignal | null): AppError {
  return new AppError('engine_error', 'given up before the engine was asked', {
    retryable: true,
    cause: signal?.reason,
  });
}
