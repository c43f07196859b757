import { once } from 'node:events';
import type { Server } from 'node:http';
import type { BeforeApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';

/**
 * How long a connection without a request is kept, ms: longer than clients and proxies keep theirs, which is 60 s in many
 * of them (nginx `keepalive_timeout` of upstreams, AWS load balancers). The side that closes first may cut off a request that
 * the other side has just sent, and a client does not repeat a POST by itself; Node's own 5 s would always be first.
 */
const KEEP_ALIVE_MS = 75_000;
/** Far below what a whole shutdown may take, ms: nearly every answer takes less than a tenth of a second. */
const DRAIN_LIMIT_MS = 3_000;
const LOOK_EVERY_MS = 50;

/** Looks after the connections of the app's server. Live views are ended before: they are requests without an end. */
export class Connections implements OnModuleInit, BeforeApplicationShutdown {
  constructor(private readonly host: HttpAdapterHost) {}

  onModuleInit(): void {
    keepConnections(this.server);
  }

  beforeApplicationShutdown(): Promise<void> {
    return drainConnections(this.server, DRAIN_LIMIT_MS);
  }

  private get server(): Server {
    return this.host.httpAdapter.getHttpServer() as Server;
  }
}

/** Sets how long connections without a request are kept: for those that are made from now on, and after their next answer. */
export function keepConnections(server: Server): void {
  server.keepAliveTimeout = KEEP_ALIVE_MS;
}

/**
 * Takes no new connections, lets the requests under way be answered, and closes each connection with its last answer.
 * What is left after `limitMs` is cut off. Resolves when no connection is left.
 */
export async function drainConnections(server: Server, limitMs: number): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  // Ends connections without a request, but only those that have none at this moment.
  server.close();
  const answered = setInterval(() => server.closeIdleConnections(), LOOK_EVERY_MS);
  const late = setTimeout(() => server.closeAllConnections(), limitMs);
  await closed;
  clearInterval(answered);
  clearTimeout(late);
}
