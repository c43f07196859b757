import { mkdtemp, rm } from 'node:fs/promises';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
  type Server,
} from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { dockerHost } from '../../kit/services/docker';

const WORDS = 'the device is busy, says the test';

/** A container engine that refuses to remove things for as long as a test wants it to. */
export interface DockerProxy {
  /** For a worker's DOCKER_HOST. */
  readonly dockerHost: string;
  /** What the refusals say. */
  readonly words: string;
  /** DELETE of these is answered with 500 and not passed on. */
  refusesToRemove: 'containers' | 'volumes' | null;
  close(): Promise<void>;
}

/** Passes everything else on to the tests' engine as it is, streams and attached stdin included. */
export async function startDockerProxy(): Promise<DockerProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'crewtab-proxy-'));
  const path = join(folder, 'docker.sock');
  const sockets = new Set<Duplex>();
  const proxy: DockerProxy = {
    dockerHost: `unix://${path}`,
    words: WORDS,
    refusesToRemove: null,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
  const server = serve(proxy);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return proxy;
}

function serve(proxy: DockerProxy): Server {
  const server = createServer((request, response) => {
    if (proxy.refusesToRemove !== null && isRemoval(request, proxy.refusesToRemove)) {
      response.writeHead(500, { 'content-type': 'application/json' }).end(JSON.stringify({ message: WORDS }));
      return;
    }
    const upstream = httpRequest(targetOf(request), (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
      answer.once('error', () => response.destroy());
    });
    upstream.once('error', () => response.destroy());
    response.once('close', () => upstream.destroy());
    request.pipe(upstream);
  });
  server.on('upgrade', passUpgradeOn);
  return server;
}

/** Attached stdin: after the engine's 101 both sides are raw bytes. */
function passUpgradeOn(request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const upstream = httpRequest(targetOf(request));
  const end = (): void => {
    socket.destroy();
    upstream.destroy();
  };
  upstream.once('error', end);
  socket.once('error', end);
  upstream.once('upgrade', (answer, engine, engineHead) => {
    const headers = Object.entries(answer.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
    socket.write(`HTTP/1.1 101 ${answer.statusMessage ?? ''}\r\n${headers.join('')}\r\n`);
    socket.write(engineHead);
    engine.write(head);
    engine.pipe(socket).pipe(engine);
    engine.once('error', end);
    socket.once('close', () => engine.destroy());
  });
  upstream.end();
}

function isRemoval({ method, url }: IncomingMessage, kind: string): boolean {
  return method === 'DELETE' && (url ?? '').includes(`/${kind}/`);
}

function targetOf({ method, url, headers }: IncomingMessage): RequestOptions {
  const engine = dockerHost();
  const address = engine.startsWith('unix://')
    ? { socketPath: engine.slice('unix://'.length) }
    : { host: new URL(engine).hostname, port: new URL(engine).port };
  return { ...address, method, path: url, headers };
}
