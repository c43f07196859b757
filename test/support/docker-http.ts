import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

/** The engine answered with an error status; the message is its own words. */
export class DockerHttpError extends Error {
  constructor(
    readonly status: number,
    words: string,
  ) {
    super(words);
    this.name = 'DockerHttpError';
  }
}

export interface DockerCall {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  /** With its query, e.g. `/containers/json?all=1`. */
  readonly path: string;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is (a tar). */
  readonly body?: Readable;
  /** For the whole call; default 30 s. */
  readonly timeoutMs?: number;
  /** Called with each chunk of the answer as it comes, for progress. */
  readonly onChunk?: (text: string) => void;
}

/**
 * The few calls to a container engine that local services need, over its HTTP API and without a client library, so
 * that they work before anything else does. The product's own runtime uses dockerode.
 */
export class DockerHttp {
  private readonly target: RequestOptions;
  private readonly isTls: boolean;

  /**
   * @param dockerHost as in DOCKER_HOST: `unix:///path`, `npipe:////./pipe/name`, `tcp://host:port`.
   * @throws Error for `ssh://` and anything else.
   */
  constructor(dockerHost: string, tls: { readonly certFolder: string } | null = null) {
    this.isTls = tls !== null && !/^(unix|npipe):/.test(dockerHost);
    this.target = {
      ...parseDockerHost(dockerHost),
      ...(this.isTls && tls !== null ? readCertificates(tls.certFolder) : {}),
    };
  }

  /**
   * @returns the whole body of the answer.
   * @throws DockerHttpError for a status from 400 up; a system error when the engine cannot be reached.
   */
  call(call: DockerCall): Promise<string> {
    const timeoutMs = call.timeoutMs ?? 30_000;
    return new Promise((resolve, reject) => {
      const send = this.isTls ? httpsRequest : httpRequest;
      const request = send({
        ...this.target,
        method: call.method ?? 'GET',
        path: call.path,
        headers: contentType(call),
        agent: false,
        signal: AbortSignal.timeout(timeoutMs),
      });
      request.once('error', (error) => {
        const isLate = error.name === 'TimeoutError' || error.name === 'AbortError';
        reject(isLate ? new Error(`no answer within ${timeoutMs} ms`, { cause: error }) : error);
      });
      request.once('response', (response) => {
        readAnswer(response, call.onChunk).then(resolve, reject);
      });
      if (call.body === undefined) request.end(call.json === undefined ? undefined : JSON.stringify(call.json));
      else call.body.once('error', (error) => request.destroy(error)).pipe(request);
    });
  }
}

function contentType(call: DockerCall): Record<string, string> {
  if (call.body !== undefined) return { 'content-type': 'application/x-tar' };
  return call.json === undefined ? {} : { 'content-type': 'application/json' };
}

async function readAnswer(response: IncomingMessage, onChunk?: (text: string) => void): Promise<string> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    text += String(chunk);
    onChunk?.(String(chunk));
  }
  const status = response.statusCode ?? 0;
  if (status >= 400) throw new DockerHttpError(status, engineMessage(text));
  return text;
}

function engineMessage(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'message' in value) return String(value.message);
  } catch {
    // Not JSON: the text itself is all there is.
  }
  return text.trim();
}

function parseDockerHost(dockerHost: string): RequestOptions {
  const [, scheme, rest] = /^(\w+):\/\/(.*)$/.exec(dockerHost) ?? [];
  if (scheme === 'unix' || scheme === 'npipe') return { socketPath: rest };
  if (scheme === 'tcp' || scheme === 'http' || scheme === 'https') {
    const url = new URL(`http://${rest ?? ''}`);
    return { hostname: url.hostname, port: url.port === '' ? '2375' : url.port };
  }
  throw new Error(`DOCKER_HOST of this form is not supported: ${dockerHost}`);
}

function readCertificates(folder: string): { ca: Buffer; cert: Buffer; key: Buffer } {
  const read = (name: string): Buffer => readFileSync(join(folder, name));
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') };
}
