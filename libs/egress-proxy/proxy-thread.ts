import { join } from 'node:path';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import type { NetworkNotice, NetworkTraffic, OnNetworkNotice } from '@crewtab/domain/ports/egress-proxy';
import type { LogFields, Logger } from '@crewtab/domain/ports/logger';
import type { MakeRunProxy, RunProxy, RunProxyPlan } from './run-proxy';

/** To the thread. `id` is a proxy's. */
export type ProxyOrder =
  | { readonly kind: 'make'; readonly id: number; readonly plan: RunProxyPlan }
  | { readonly kind: 'listen'; readonly id: number; readonly path: string; readonly agent: string | null }
  | { readonly kind: 'close'; readonly id: number };

/** From the thread. */
export type ProxyReport =
  | { readonly kind: 'notice'; readonly id: number; readonly notice: NetworkNotice; readonly agent: string | null }
  /** `error` null: it listens. */
  | { readonly kind: 'listening'; readonly id: number; readonly error: PassedError | null }
  | { readonly kind: 'bytes'; readonly id: number; readonly bytes: number }
  /** Of all proxies, since the thread began. */
  | { readonly kind: 'traffic'; readonly traffic: NetworkTraffic }
  | { readonly kind: 'warning'; readonly fields: LogFields; readonly message: string };

interface PassedError {
  readonly message: string;
  readonly code: string | undefined;
}

interface Made {
  bytes: number;
  readonly onNotice: OnNetworkNotice;
  onListening: (error: PassedError | null) => void;
}

/** The thread's program, beside this file. */
const PROGRAM = join(__dirname, 'proxy-thread-main.js');

/**
 * The forward proxies of all runs in a thread of their own, with little of the processor where others want it: an agent that
 * opens and closes connections as fast as it can, or moves gigabytes, takes no turn of the worker's own event loop.
 *
 * A fault that ends the thread ends the process, as it would in the process's only thread. The thread keeps no process alive.
 */
export class ProxyThread {
  private readonly worker: Worker;
  private readonly proxies = new Map<number, Made>();
  private nextId = 1;

  /** @param program what a test starts in the thread's place */
  constructor(
    private readonly deps: {
      /** Of all runs: set to what the thread has counted. */
      readonly traffic: { allowed: number; refused: number; bytes: number };
      readonly logger: Logger;
    },
    program: { readonly file: string; readonly options?: WorkerOptions } = { file: PROGRAM },
  ) {
    this.worker = new Worker(program.file, program.options);
    this.worker.on('message', (report: ProxyReport) => this.hear(report));
    this.worker.on('error', (error) => {
      throw error;
    });
    // Listening for messages would undo it.
    this.worker.unref();
  }

  readonly make: MakeRunProxy = (plan, onNotice): RunProxy => {
    const id = this.nextId++;
    const made: Made = { bytes: plan.bytesBefore, onNotice, onListening: () => undefined };
    this.proxies.set(id, made);
    this.order({ kind: 'make', id, plan });
    return {
      get bytes() {
        return made.bytes;
      },
      listen: (path, agent) =>
        new Promise((resolve, reject) => {
          made.onListening = (error) => (error ? reject(Object.assign(new Error(error.message), error)) : resolve());
          this.order({ kind: 'listen', id, path, agent });
        }),
      close: () => {
        this.proxies.delete(id);
        this.order({ kind: 'close', id });
      },
    };
  };

  async close(): Promise<void> {
    await this.worker.terminate();
  }

  private noteBytes(id: number, bytes: number): void {
    const made = this.proxies.get(id);
    if (made) made.bytes = bytes;
  }

  private order(order: ProxyOrder): void {
    this.worker.postMessage(order);
  }

  private hear(report: ProxyReport): void {
    switch (report.kind) {
      case 'bytes':
        return this.noteBytes(report.id, report.bytes);
      case 'notice':
        return this.proxies.get(report.id)?.onNotice(report.notice, report.agent);
      case 'listening':
        return this.proxies.get(report.id)?.onListening(report.error);
      case 'traffic':
        return void Object.assign(this.deps.traffic, report.traffic);
      case 'warning':
        return this.deps.logger.warn(report.fields, report.message);
    }
  }
}
