import { join } from 'node:path';
import type { EgressProxy, EgressSession, OnNetworkNotice } from '@crewtab/domain/ports/egress-proxy';
import type { Logger } from '@crewtab/domain/ports/logger';
import { translated } from '@crewtab/domain/system-errors';
import type { TrafficLimits } from './forward-proxy';
import { ProxyThread } from './proxy-thread';
import type { ResolveHost } from './resolve-host';
import { runProxyHere, type MakeRunProxy } from './run-proxy';
import { RunRecords, type RunRecord } from './run-records';
import { PROXY_SOCKET, RunSockets, SEAT_ASIDE } from './run-socket';

export interface UnixEgressProxyOptions {
  /** Where the runs' folders are made; must be the same path for the container engine. */
  readonly rootDir: string;
  readonly limits: TrafficLimits;
  /** Ranges that agents may reach although they are not public, as CIDRs. */
  readonly allowedCidrs: readonly string[];
  /** `http(s)://` or `socks5://`: all connections go through it, and it resolves the names; null: there is none. */
  readonly upstreamProxy: string | null;
  readonly logger: Logger;
  /** Of tests, whose proxies are in this thread. Default: the machine's name servers, asked in the proxies' own thread. */
  readonly resolveHost?: ResolveHost;
}

/** Most hosts and limits of one run that a conversation tells of: an agent may ask for any number of names. */
const MOST_NOTICES = 500;
/**
 * How often a run's bytes and notices are noted for its next session, ms. What comes after the last note of a worker that is
 * killed is counted by none, and told once more: nothing stays untold.
 */
const NOTE_EVERY_MS = 1_000;

/** One forward proxy per run, at unix sockets: the run's, and those of its agents, each in a folder that containers see. */
export class UnixEgressProxy implements EgressProxy {
  readonly traffic = { allowed: 0, refused: 0, bytes: 0 };
  private readonly sockets: RunSockets;
  private readonly records: RunRecords;
  private readonly makeProxy: MakeRunProxy;
  private thread: ProxyThread | null = null;

  constructor(private readonly options: UnixEgressProxyOptions) {
    const { rootDir, logger, resolveHost } = options;
    const { traffic } = this;
    this.sockets = new RunSockets(rootDir, logger);
    this.records = new RunRecords(join(this.sockets.rootDir, 'records'), logger);
    // A worker whose agents reach nothing has no such thread.
    const make: MakeRunProxy = (...of) => (this.thread ??= new ProxyThread({ traffic, logger })).make(...of);
    this.makeProxy = resolveHost ? runProxyHere({ resolveHost, traffic, logger }) : make;
  }

  open(
    runId: string,
    hosts: readonly string[],
    onNotice: OnNetworkNotice,
    agents: readonly string[] = [],
  ): Promise<EgressSession> {
    return translated('start_failed', () => this.openSession(runId, hosts, onNotice, agents), 'the egress proxy: ');
  }

  openAside(runId: string, hosts: readonly string[], onNotice: OnNetworkNotice): Promise<EgressSession> {
    return translated('start_failed', () => this.listenAside(runId, hosts, onNotice), 'the egress proxy: ');
  }

  async list(): Promise<string[]> {
    return [...new Set([...(await this.sockets.list()), ...(await this.records.list())])];
  }

  async remove(runId: string): Promise<void> {
    await this.records.remove(runId);
    await this.sockets.remove(runId);
  }

  private async listenAside(
    runId: string,
    hosts: readonly string[],
    onNotice: OnNetworkNotice,
  ): Promise<EgressSession> {
    const { allowedCidrs, upstreamProxy, limits } = this.options;
    const plan = { hosts, allowedCidrs, upstreamProxy, limits, bytesBefore: 0 };
    const proxy = this.makeProxy(plan, oncePerNotice(onNotice, new Set()));
    try {
      const endRepair = await this.sockets.listen(runId, SEAT_ASIDE, (path) => proxy.listen(path, null));
      const close = (): void => {
        endRepair();
        proxy.close();
      };
      const hostFolder = this.sockets.folderOf(runId, SEAT_ASIDE);
      return { endpoint: { kind: 'allowlist', hostFolder, socketName: PROXY_SOCKET }, close };
    } catch (error) {
      proxy.close();
      throw error;
    }
  }

  private async openSession(
    runId: string,
    hosts: readonly string[],
    onNotice: OnNetworkNotice,
    agents: readonly string[],
  ): Promise<EgressSession> {
    const { allowedCidrs, upstreamProxy, limits } = this.options;
    const before = await this.records.read(runId);
    const told = new Set(before.told);
    const plan = { hosts, allowedCidrs, upstreamProxy, limits, bytesBefore: before.bytes };
    const proxy = this.makeProxy(plan, oncePerNotice(onNotice, told));
    const endNotes = this.noteChanges(runId, () => ({ bytes: proxy.bytes, told: [...told] }));
    const endRepairs: (() => void)[] = [];
    const close = (): void => {
      for (const endRepair of endRepairs) endRepair();
      proxy.close();
      endNotes();
    };
    try {
      // Also where each agent has its own: programs of the run, and containers of an earlier version, come by this one.
      endRepairs.push(await this.sockets.listen(runId, null, (path) => proxy.listen(path, null)));
      for (const [seat, agent] of agents.entries())
        endRepairs.push(await this.sockets.listen(runId, seat, (path) => proxy.listen(path, agent)));
      const agentFolders = Object.fromEntries(agents.map((agent, seat) => [agent, this.sockets.folderOf(runId, seat)]));
      const hostFolder = this.sockets.folderOf(runId);
      return { endpoint: { kind: 'allowlist', hostFolder, socketName: PROXY_SOCKET, agentFolders }, close };
    } catch (error) {
      close();
      throw error;
    }
  }

  /** Notes what changed now and then, and at the end. @returns ends it */
  private noteChanges(runId: string, read: () => RunRecord): () => void {
    let noted = sizeOf(read());
    const note = (): void => {
      const record = read();
      if (sizeOf(record) === noted) return;
      noted = sizeOf(record);
      void this.records.write(runId, record);
    };
    const timer = setInterval(note, NOTE_EVERY_MS).unref();
    return () => {
      clearInterval(timer);
      note();
    };
  }
}

/** Both only grow. */
function sizeOf({ bytes, told }: RunRecord): number {
  return bytes + told.length;
}

/** @param told those that were told before; added to */
function oncePerNotice(onNotice: OnNetworkNotice, told: Set<string>): OnNetworkNotice {
  return (notice, agent) => {
    const key = JSON.stringify(agent === null ? notice : { agent, ...notice });
    if (told.has(key) || told.size > MOST_NOTICES) return;
    told.add(key);
    if (told.size > MOST_NOTICES) onNotice({ kind: 'limit', limit: 'notices' }, null);
    else onNotice(notice, agent);
  };
}
