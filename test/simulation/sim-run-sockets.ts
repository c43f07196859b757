import type { SimProcess } from './sim-process';

/** One process's server at one socket. */
export interface SimServer<T> {
  readonly process: SimProcess;
  readonly serve: T;
  /** Breaks the connections that it has. */
  readonly breaks: Set<() => void>;
}

/** The sockets of one host, in a folder per run; those of a run are told apart by a name. They outlive processes; the servers at their sockets do not. */
export class SimRunSockets<T> {
  /**
   * By run and name, as they were opened. The last one is reached: a server wants the link of the folder for itself, so that an
   * earlier one is reached again once those after it are closed. A connection stays with whom it was made to.
   */
  private readonly servers = new Map<string, SimServer<T>[]>();
  readonly folders = new Set<string>();

  /** Closes what the process has open when it ends. */
  watch(process: SimProcess): void {
    process.whenGone(() => {
      for (const [key, servers] of this.servers)
        for (const server of servers.filter((one) => one.process === process)) this.close(key, server);
    });
  }

  /** @returns closes it; without effect in a process that is gone */
  open(runId: string, process: SimProcess, serve: T, name = ''): () => void {
    const server: SimServer<T> = { process, serve, breaks: new Set() };
    const key = `${runId}/${name}`;
    this.servers.set(key, [...(this.servers.get(key) ?? []), server]);
    this.folders.add(runId);
    return () => {
      if (process.state !== 'gone') this.close(key, server);
    };
  }

  reached(runId: string, name = ''): SimServer<T> | undefined {
    return this.servers.get(`${runId}/${name}`)?.at(-1);
  }

  private close(key: string, server: SimServer<T>): void {
    const others = (this.servers.get(key) ?? []).filter((one) => one !== server);
    if (others.length > 0) this.servers.set(key, others);
    else this.servers.delete(key);
    for (const breakOff of [...server.breaks]) breakOff();
  }
}

/** Nothing of it is on its way anywhere: a process that died does it no more, one that stands still does it later. */
export function byItself<T>(process: SimProcess, work: () => T): Promise<T> {
  return new Promise((resolve) => process.enter(() => resolve(work())));
}
