import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { homedir } from 'node:os';
import { join } from 'node:path';

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
  /** For the whole call; default 30 s. */
  readonly timeoutMs?: number;
  /** Called with each chunk of the answer as it comes, for progress. */
  readonly onChunk?: (text: string) => void;
}

/**
 * The engine's HTTP API without a client library: what tests see on an engine must not pass through the client whose work
 * they judge.
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
      request.end(call.json === undefined ? undefined : JSON.stringify(call.json));
    });
  }
}

/** A connection to that engine, with certificates where DOCKER_TLS_VERIFY asks for them. */
export function dockerHttp(dockerHost: string): DockerHttp {
  const { DOCKER_TLS_VERIFY: verify = '', DOCKER_CERT_PATH: certFolder = join(homedir(), '.docker') } = process.env;
  return new DockerHttp(dockerHost, verify === '' ? null : { certFolder });
}

function contentType(call: DockerCall): Record<string, string> {
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
