// The program of ProxyThread's thread.
import { getPriority, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import type { LogFields, Logger } from '@crewtab/domain/ports/logger';
import type { ProxyOrder, ProxyReport } from './proxy-thread';
import { dnsResolver } from './resolve-host';
import { runProxyHere, type RunProxy } from './run-proxy';

/** Beyond the process's own: it gets a tenth of what the other threads get where both want the same core. */
const NICER_BY = 10;
const NICEST = 19;
const TELL_TRAFFIC_EVERY_MS = 250;

const traffic = { allowed: 0, refused: 0, bytes: 0 };
const proxies = new Map<number, RunProxy>();
/** Of each proxy, as told last. */
const toldBytes = new WeakMap<RunProxy, number>();

function tell(report: ProxyReport): void {
  parentPort?.postMessage(report);
}

const logger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (fields: LogFields, message: string) => tell({ kind: 'warning', fields, message }),
  error: (fields: LogFields, message: string) => tell({ kind: 'warning', fields, message }),
  child: () => logger,
};
const make = runProxyHere({ resolveHost: dnsResolver(), traffic, logger });

function follow(order: ProxyOrder): void {
  const { id } = order;
  switch (order.kind) {
    case 'make':
      proxies.set(
        id,
        make(order.plan, (notice, agent) => tell({ kind: 'notice', id, notice, agent })),
      );
      break;
    case 'listen':
      proxies
        .get(id)
        ?.listen(order.path, order.agent)
        .then(
          () => tell({ kind: 'listening', id, error: null }),
          ({ message, code }: NodeJS.ErrnoException) => tell({ kind: 'listening', id, error: { message, code } }),
        );
      break;
    case 'close':
      proxies.get(id)?.close();
      proxies.delete(id);
  }
}

let told = '';
function tellTraffic(): void {
  const now = JSON.stringify(traffic);
  if (now !== told) tell({ kind: 'traffic', traffic: { ...traffic } });
  told = now;
  for (const [id, proxy] of proxies) {
    const { bytes } = proxy;
    if (bytes !== toldBytes.get(proxy)) tell({ kind: 'bytes', id, bytes });
    toldBytes.set(proxy, bytes);
  }
}

// There a thread has a priority of its own; elsewhere it would be the whole process's.
if (process.platform === 'linux') setPriority(Math.min(NICEST, getPriority() + NICER_BY));
setInterval(tellTraffic, TELL_TRAFFIC_EVERY_MS).unref();
parentPort?.on('message', follow);
