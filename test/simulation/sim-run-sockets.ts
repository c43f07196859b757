import type { SimProcess } from './sim-process';

/** One process's server at the socket of one run. */
export interface SimServer<T> {
  readonly process: SimProcess;
  readonly serve: T;
  /** Breaks the connections that it has. */
  readonly breaks: Set<() => void>;
}

/** The socket folders of one host, a folder per run. They outlive processes; the servers at their sockets do not. */
export class SimRunSockets<T> {
  /**
   * By run, as they were opened. The last one is reached: a server wants the link of the folder for itself, so that an
   * earlier one is reached again once those after it are closed. A connection stays with whom it was made to.
   */
  private readonly servers = new Map<string, SimServer<T>[]>();
  readonly folders = new Set<string>();

  /** Closes what the process has open when it ends. */
  watch(process: SimProcess): void {
    process.whenGone(() => {
      for (const [runId, servers] of this.servers)
        for (const server of servers.filter((one) => one.process === process)) this.close(runId, server);
    });
  }

  /** @returns closes it; without effect in a process that is gone */
  open(runId: string, process: SimProcess, serve: T): () => void {
    const server: SimServer<T> = { process, serve, breaks: new Set() };
    this.servers.set(runId, [...(this.servers.get(runId) ?? []), server]);
    this.folders.add(runId);
    return () => {
      if (process.state !== 'gone') this.close(runId, server);
    };
  }

  reached(runId: string): SimServer<T> | undefined {
    return this.servers.get(runId)?.at(-1);
  }

  private close(runId: string, server: SimServer<T>): void {
    const others = (this.servers.get(runId) ?? []).filter((one) => one !== server);
    if (others.length > 0) this.servers.set(runId, others);
    else this.servers.delete(runId);
    for (const breakOff of [...server.breaks]) breakOff();
  }
}

/** Nothing of it is on its way anywhere: a process that died does it no more, one that stands still does it later. */
export function byItself<T>(process: SimProcess, work: () => T): Promise<T> {
  return new Promise((resolve) => process.enter(() => resolve(work())));
}
