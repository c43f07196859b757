import type { AllowlistEndpoint } from './runtime';

/**
 * The way out of the agents that reach listed hosts only: a forward proxy in the worker, for each run at a place that the
 * runtime shows to the run's containers. It resolves names itself, and decides anew at every connection.
 */
export interface EgressProxy {
  /** What went through it since this process began; the numbers move. */
  readonly traffic: NetworkTraffic;

  /**
   * Begins to serve a run; takes the place of an earlier server (of a worker that is gone) for the same run. Connections of
   * that one are broken.
   * @param hosts patterns as `parseHostPattern` takes them
   * @param onNotice called once per agent, host and verdict, and once per limit, over all sessions of the run, but for what a worker was
   *   told in the last second before it was killed, which is told again; must not throw
   * @param agents by name, in the order of the team: each has a way of its own. Default none: they share the run's
   */
  open(
    runId: string,
    hosts: readonly string[],
    onNotice: OnNetworkNotice,
    agents?: readonly string[],
  ): Promise<EgressSession>;
  /**
   * Serves a program of Crewtab's that works for a run, at a place beside those of its agents: what one reaches the others do not. As
   * `open` in all else; nothing of it is noted for a next session.
   */
  openAside(runId: string, hosts: readonly string[], onNotice: OnNetworkNotice): Promise<EgressSession>;
  /** Runs that have something on this host. */
  list(): Promise<string[]>;
  /** Removes what a run has on this host. Idempotent. */
  remove(runId: string): Promise<void>;
}

export interface NetworkTraffic {
  /** Requests, each of them to be judged: connections and, on a connection of plain HTTP, every one. */
  readonly allowed: number;
  readonly refused: number;
  /** Both ways together. */
  readonly bytes: number;
}

export interface EgressSession {
  /** To be handed to the runtime with the run's deployment. */
  readonly endpoint: AllowlistEndpoint;
  /** Stops serving and breaks the connections; the next session of the run serves new ones. */
  close(): void;
}

/** `agent`: whose connection it was, by the way that it came; null where none has one of its own, or all are meant. */
export type OnNetworkNotice = (notice: NetworkNotice, agent: string | null) => void;

/** What a run's conversation tells of its agents' network. */
export type NetworkNotice =
  | { readonly kind: 'allowed'; readonly host: string; readonly port: number }
  | { readonly kind: 'refused'; readonly host: string; readonly port: number; readonly reason: HostRefusal }
  /** Beyond it connections are refused: at once too many, or all of the run's bytes. `notices`: later ones are not told. */
  | { readonly kind: 'limit'; readonly limit: 'connections' | 'bytes' | 'notices' };

/**
 * `not_listed`: no pattern names host and port. `not_public`: an address of the host's own network or machine, by itself or
 * behind a name. `unresolved`: the name has no address.
 */
export type HostRefusal = 'not_listed' | 'not_public' | 'unresolved';
