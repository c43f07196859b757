import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { errorMessage } from '@crewtab/domain/errors';
import type { CallLimits } from '../kubernetes-options';
import type { ClusterObject, ConfigMap, NetworkPolicy, ObjectList, Pod } from './api-objects';
import { aborted, isRefusal, refusalOf, unreachable } from './cluster-errors';
import type { Connection } from './connection';

export interface Kinds {
  readonly pods: Pod;
  readonly configmaps: ConfigMap;
  readonly networkpolicies: NetworkPolicy;
}

export type Kind = keyof Kinds;

const GROUPS: Readonly<Record<Kind, string>> = {
  pods: 'api/v1',
  configmaps: 'api/v1',
  networkpolicies: 'apis/networking.k8s.io/v1',
};

interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/** A list of everything that a selector fits, and the cluster's own time. */
export interface Listing<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  readonly at: Date;
}

/**
 * The API server, with a time limit on every request and errors that say whether it answered: AppError `engine_unreachable`, or
 * ClusterRefusal. Everything is of one namespace.
 */
export class ClusterClient {
  constructor(
    readonly connection: Connection,
    readonly limits: CallLimits,
  ) {}

  get namespace(): string {
    return this.connection.namespace;
  }

  /** Null where there is none of that name. */
  async get<K extends Kind>(kind: K, name: string): Promise<Kinds[K] | null> {
    try {
      return await this.json<Kinds[K]>({ method: 'GET', path: this.pathOf(kind, name) });
    } catch (error) {
      if (isRefusal(error, 404)) return null;
      throw error;
    }
  }

  async list<K extends Kind>(kind: K, labelSelector: string): Promise<Listing<Kinds[K]>> {
    const { answer, body } = await this.send({ method: 'GET', path: this.pathOf(kind), query: { labelSelector } });
    const { items, metadata } = JSON.parse(body) as ObjectList<Kinds[K]>;
    return { items, resourceVersion: metadata.resourceVersion ?? '', at: timeOf(answer) };
  }

  /** Null where the name is taken. */
  async create<K extends Kind>(kind: K, object: Kinds[K], signal?: AbortSignal): Promise<Kinds[K] | null> {
    try {
      return await this.json<Kinds[K]>({ method: 'POST', path: this.pathOf(kind), body: object, signal });
    } catch (error) {
      if (isRefusal(error, 409) && error.reason === 'AlreadyExists') return null;
      throw error;
    }
  }

  /** False where it was gone already, or is another by now. It may take its time: `get` says when it is gone. */
  async remove(kind: Kind, { metadata }: ClusterObject, options: object): Promise<boolean> {
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: metadata.uid }, ...options };
    try {
      await this.json({ method: 'DELETE', path: this.pathOf(kind, metadata.name), body });
      return true;
    } catch (error) {
      if (isRefusal(error, 404, 409)) return false;
      throw error;
    }
  }

  /** An answer without end, of one JSON value a line; the caller destroys it. */
  async watchPods(labelSelector: string, resourceVersion: string, seconds: number): Promise<IncomingMessage> {
    const query = {
      labelSelector,
      resourceVersion,
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(seconds),
    };
    return this.open({ method: 'GET', path: this.pathOf('pods'), query });
  }

  async json<T>(call: Call): Promise<T> {
    const { body } = await this.send(call);
    return JSON.parse(body) as T;
  }

  pathOf(kind: Kind, name?: string): string {
    const all = `/${GROUPS[kind]}/namespaces/${this.namespace}/${kind}`;
    return name === undefined ? all : `${all}/${name}`;
  }

  close(): void {
    void this.connection.options('kept').then(
      ({ agent }) => typeof agent === 'object' && agent.destroy(),
      () => undefined,
    );
  }

  private async send(call: Call): Promise<{ answer: IncomingMessage; body: string }> {
    const what = `answer ${call.method} ${call.path}`;
    const late = AbortSignal.timeout(this.limits.requestMs);
    const answer = await this.open(call, late);
    const end = (): void => void answer.destroy();
    late.addEventListener('abort', end, { once: true });
    try {
      return { answer, body: await textOf(answer) };
    } catch (error) {
      throw unreachable(what, late.aborted ? `no answer within ${this.limits.requestMs} ms` : String(error), error);
    } finally {
      late.removeEventListener('abort', end);
    }
  }

  /** @returns a success; its body is not read yet */
  private async open(call: Call, limit = AbortSignal.timeout(this.limits.requestMs)): Promise<IncomingMessage> {
    const what = `answer ${call.method} ${call.path}`;
    if (call.signal?.aborted) throw aborted();
    let answer: IncomingMessage;
    try {
      answer = await this.dial(call, limit);
    } catch (error) {
      // Of a kept connection that the server was just closing. What every call does it may do twice.
      if (!isReset(error) || limit.aborted) throw unreachable(what, errorMessage(error), error);
      answer = await this.dial(call, limit).catch((again: unknown) =>
        Promise.reject(unreachable(what, errorMessage(again), again)),
      );
    }
    const { statusCode = 0 } = answer;
    if (statusCode >= 200 && statusCode < 300) return answer;
    const body = await textOf(answer).catch(() => '');
    throw refusalOf(statusCode, body, what);
  }

  private async dial({ method, path, query, body }: Call, limit: AbortSignal): Promise<IncomingMessage> {
    const { server } = this.connection;
    const options = await this.connection.options('kept');
    const url = new URL(server);
    url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`;
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
    const text = body === undefined ? null : JSON.stringify(body);
    const headers = {
      ...(options.headers as Record<string, string> | undefined),
      Accept: 'application/json',
      ...(text === null ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }),
    };
    return new Promise((resolve, reject) => {
      const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
      const request = send(url, { ...options, method, headers });
      const end = (): void => void request.destroy(new Error(`no answer within ${this.limits.requestMs} ms`));
      limit.addEventListener('abort', end, { once: true });
      request.on('response', (answer) => {
        limit.removeEventListener('abort', end);
        resolve(answer);
      });
      request.on('error', (error) => {
        limit.removeEventListener('abort', end);
        reject(Object.assign(error, { wasKept: request.reusedSocket }));
      });
      request.end(text ?? undefined);
    });
  }
}

function isReset(error: unknown): boolean {
  const { code, wasKept } = error as NodeJS.ErrnoException & { readonly wasKept?: boolean };
  return wasKept === true && (code === 'ECONNRESET' || code === 'EPIPE');
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  if (!answer.complete) throw new Error('the answer broke off');
  return Buffer.concat(chunks).toString('utf8');
}

function timeOf({ headers: { date } }: IncomingMessage): Date {
  const at = new Date(date ?? '');
  return Number.isNaN(at.getTime()) ? new Date() : at;
}
