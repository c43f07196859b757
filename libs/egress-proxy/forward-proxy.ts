import { Agent, type IncomingMessage } from 'node:http';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import type { HostRefusal, OnNetworkNotice } from '@crewtab/domain/ports/egress-proxy';
import type { Logger } from '@crewtab/domain/ports/logger';
import { type PrepareRequestFunctionResult, RequestError, Server } from 'proxy-chain';
import { listenAt } from '@crewtab/run-sockets/run-socket-files';
import type { DestinationRules } from './destination-rules';
import { pinnedLookup } from './resolve-host';
import { PACE_EVERY_MS, TrafficPace, type PaceLimits } from './traffic-pace';

export interface TrafficLimits extends PaceLimits {
  /** Of one run at the same time. */
  readonly connections: number;
  /** Both ways together, of one run. */
  readonly bytes: number;
}

export interface ForwardProxyOptions {
  readonly rules: DestinationRules;
  readonly upstreamProxy: string | null;
  readonly limits: TrafficLimits;
  /** Of all runs: counted on. */
  readonly traffic: { allowed: number; refused: number; bytes: number };
  readonly logger: Logger;
  readonly onNotice: OnNetworkNotice;
  /** Bytes of the run's earlier sessions. */
  readonly bytesBefore: number;
}

const WORDS: Readonly<Record<HostRefusal, string>> = {
  not_listed: "is not among the hosts of the team's network",
  not_public: 'has no public address',
  unresolved: 'has no address',
};

/**
 * The forward proxy of one run, CONNECT and plain HTTP: proxy-chain, which asks here before each request. Every connection
 * goes to an address that was checked for it; none is kept for a later request. Its connections come by the sockets that it listens at,
 * one for each agent that is told apart, and its limits are the run's.
 */
export class ForwardProxy {
  private readonly proxy: Server;
  private readonly oneTimeAgent = new Agent({ keepAlive: false });
  private readonly meter: NodeJS.Timeout;
  /** Of each open connection, as counted last. */
  private readonly counted = new Map<number, number>();
  private total: number;
  private readonly pace: TrafficPace;
  /** Bytes that the pace was not told of. */
  private unpaced = 0;
  /** Connections that wait for their turn. */
  private readonly waiting = new Set<Socket>();
  /** Where it listens. The server of the proxy itself listens nowhere: it is handed connections. */
  private readonly doors: NetServer[] = [];
  /** Of each connection; null where it is not known. */
  private readonly agents = new WeakMap<Socket, string | null>();

  constructor(private readonly options: ForwardProxyOptions) {
    this.total = options.bytesBefore;
    this.pace = new TrafficPace(options.limits, options.limits.connections);
    const proxy = new Server({
      authRealm: 'Crewtab',
      prepareRequestFunction: ({ request, hostname, port, isHttp }) => this.prepare(request, hostname, port, isHttp),
    });
    this.proxy = proxy;
    proxy.server.prependListener('connection', nameUnixPeer);
    proxy.on('connectionClosed', ({ connectionId }: { connectionId: number }) => {
      this.count(connectionId);
      this.counted.delete(connectionId);
    });
    proxy.on('requestFailed', ({ error }: { error: Error }) =>
      options.logger.debug({ error: error.message }, 'egress proxy: a request failed'),
    );
    this.meter = setInterval(() => this.countAll(), PACE_EVERY_MS).unref();
  }

  /** Of the run so far. */
  get bytes(): number {
    return this.total;
  }

  /** At one more unix socket, by which connections of that agent come; null: of any. */
  async listen(path: string, agent: string | null): Promise<void> {
    const door = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => this.welcome(socket, agent));
    this.doors.push(door);
    await listenAt(door, path);
    // Such as no file descriptor for one more connection: the agent tries again, and the worker goes on.
    door.on('error', (error) => this.options.logger.warn({ path, error: error.message }, 'egress proxy'));
  }

  close(): void {
    clearInterval(this.meter);
    for (const door of this.doors) door.close();
    for (const socket of this.waiting) socket.destroy();
    this.proxy.closeConnections();
    this.countAll();
    this.oneTimeAgent.destroy();
  }

  private welcome(socket: Socket, agent: string | null): void {
    if (this.proxy.connections.size + this.waiting.size >= this.options.limits.connections) {
      this.options.traffic.refused++;
      this.options.onNotice({ kind: 'limit', limit: 'connections' }, agent);
      socket.destroy();
      return;
    }
    this.agents.set(socket, agent);
    this.waiting.add(socket);
    const forget = (): void => void this.waiting.delete(socket);
    socket.once('close', forget).on('error', forget);
    const enter = (): void => {
      if (!this.waiting.delete(socket) || socket.destroyed) return;
      this.proxy.server.emit('connection', socket);
      socket.resume();
    };
    // Turns of connections that are gone count until they come: an agent that opens and drops them loses its own.
    this.pace.nextConnection().then(enter, () => socket.destroy());
  }

  private async prepare(
    request: IncomingMessage,
    hostname: string,
    port: number,
    isHttp: boolean,
  ): Promise<PrepareRequestFunctionResult> {
    const { rules, upstreamProxy, traffic, onNotice } = this.options;
    const agent = this.agents.get(request.socket) ?? null;
    if (this.isSpent) {
      traffic.refused++;
      onNotice({ kind: 'limit', limit: 'bytes' }, null);
      throw new RequestError('The run has used up what it may transfer over the network', 403);
    }
    if (!isHttp && request.url?.toLowerCase() !== `${hostname}:${port}`.toLowerCase())
      throw new RequestError('CONNECT takes host:port and nothing else', 400);
    const verdict = await rules.judge(hostname, port);
    traffic[verdict.isAllowed ? 'allowed' : 'refused']++;
    if (!verdict.isAllowed) {
      onNotice({ kind: 'refused', host: hostname, port, reason: verdict.reason }, agent);
      throw new RequestError(`${hostname}:${port} ${WORDS[verdict.reason]}`, 403);
    }
    onNotice({ kind: 'allowed', host: hostname, port }, agent);
    if (isHttp) normalize(request);
    const { addresses } = verdict;
    return {
      upstreamProxyUrl: upstreamProxy,
      httpAgent: this.oneTimeAgent,
      // With an upstream proxy it is that one's address which is looked up.
      // Its type has all ways to call `dns.lookup`; it is called in one.
      ...(addresses !== null && upstreamProxy === null ? { dnsLookup: pinnedLookup(addresses) as never } : {}),
    };
  }

  private get isSpent(): boolean {
    return this.total >= this.options.limits.bytes;
  }

  private countAll(): void {
    for (const connectionId of this.proxy.getConnectionIds()) this.count(connectionId);
    this.pace.note(this.unpaced, this.proxy.connections.values());
    this.unpaced = 0;
    if (!this.isSpent || this.proxy.connections.size === 0) return;
    this.options.onNotice({ kind: 'limit', limit: 'bytes' }, null);
    this.proxy.closeConnections();
  }

  private count(connectionId: number): void {
    const stats = this.proxy.getConnectionStats(connectionId);
    if (!stats) return;
    const bytes = stats.srcRxBytes + stats.srcTxBytes;
    const more = bytes - (this.counted.get(connectionId) ?? 0);
    this.counted.set(connectionId, bytes);
    this.total += more;
    this.unpaced += more;
    this.options.traffic.bytes += more;
  }
}

/** proxy-chain drops connections of which it knows no peer, and those of a unix socket have none. */
function nameUnixPeer(socket: Socket): void {
  Object.defineProperty(socket, 'remoteAddress', { value: 'unix' });
}

/**
 * What is sent on is what was judged: no second reading of an odd URL by an upstream proxy, and no `Host` of another name
 * on a plain request (RFC 9112, section 3.2.2).
 */
function normalize(request: IncomingMessage): void {
  const url = new URL(request.url ?? '');
  request.url = url.href;
  const rest: string[] = [];
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    const [name = '', value = ''] = request.rawHeaders.slice(at, at + 2);
    if (name.toLowerCase() !== 'host') rest.push(name, value);
  }
  request.rawHeaders = ['Host', url.host, ...rest];
}
