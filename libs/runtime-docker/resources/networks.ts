import { AppError } from '@crewtab/domain/errors';
import type { DeploymentSpec } from '@crewtab/domain/ports/runtime';
import type Docker from 'dockerode';
import { EngineRefusal, isRefusal, toAppError, type EngineClient, type MutationOptions } from '../engine/engine-client';
import type { DockerSettings } from '../docker-options';
import { LABELS, belongsToRun, runLabels } from './run-resources';

const ATTEMPTS = 20;

type NetworkSpec = Pick<Docker.NetworkCreateOptions, 'Name' | 'Labels' | 'Options'>;
type FreeSubnets = (taken: readonly Subnet[]) => Subnet[];

/** The name by which a deployment's containers join their network. */
export function networkModeOf(deployment: DeploymentSpec, egressNetwork: string): string {
  switch (deployment.network.kind) {
    case 'none':
      return 'none';
    case 'allowlist':
      // The way out is the forwarder's socket.
      return 'none';
    case 'open':
      return deployment.network.hasOwnBridge ? deployment.name : egressNetwork;
  }
}

/**
 * Get-or-create of the networks that deployments need. The engine checks names without a lock, so two workers may each make
 * one at the same moment (of a run: one that was stopped, goes on, and does not know yet that the run was taken over), and
 * a name with two networks behind it can't be joined.
 */
export class Networks {
  private readonly base: Subnet;

  constructor(
    private readonly engine: EngineClient,
    private readonly settings: Pick<DockerSettings, 'subnetBase' | 'egressNetwork'>,
  ) {
    this.base = parseSubnet(settings.subnetBase);
  }

  /**
   * Afterwards the name means one network, as far as can be seen. Throws `create_failed`; retryable where every subnet is
   * taken, since teardowns free some.
   */
  async ensure(deployment: DeploymentSpec, signal: AbortSignal): Promise<void> {
    if (deployment.network.kind !== 'open') return;
    const options: MutationOptions = { priority: 'deploy', signal };
    if (deployment.network.hasOwnBridge) await this.ensureTeam(deployment, options);
    else await this.ensureEgress(options);
  }

  /** Traffic between containers is off. It belongs to the host and is never removed. */
  private async ensureEgress(options: MutationOptions): Promise<void> {
    const spec = {
      Name: this.settings.egressNetwork,
      Labels: { [LABELS.shared]: 'egress' },
      Options: { 'com.docker.network.bridge.enable_icc': 'false' },
    };
    const isOurs = ({ Labels }: Docker.NetworkInspectInfo): boolean => Labels?.[LABELS.shared] === 'egress';
    const existing = await this.named(spec.Name);
    await this.ensureOne(existing, spec, (taken) => sharedSubnets(this.base, taken), isOurs, options);
  }

  private async ensureTeam(deployment: DeploymentSpec, options: MutationOptions): Promise<void> {
    const { name, installationId, runId } = deployment;
    const isOurs = ({ Labels }: Docker.NetworkInspectInfo): boolean => belongsToRun(Labels, installationId, runId);
    const existing = await this.named(name);
    if (!existing.every(isOurs))
      throw new AppError('name_conflict', `a network named ${name} exists that does not belong to this run`);
    const spec = { Name: name, Labels: runLabels(deployment) };
    await this.ensureOne(existing, spec, (taken) => teamSubnets(this.base, taken, runId), isOurs, options);
  }

  private async ensureOne(
    existing: readonly Docker.NetworkInspectInfo[],
    spec: NetworkSpec,
    freeSubnets: FreeSubnets,
    isOurs: (network: Docker.NetworkInspectInfo) => boolean,
    options: MutationOptions,
  ): Promise<void> {
    if (existing.length === 1) return;
    if (existing.length === 0) await this.create(spec, freeSubnets, options);
    await this.settleTwins((await this.named(spec.Name)).filter(isOurs), options);
  }

  private async create(spec: NetworkSpec, freeSubnets: FreeSubnets, options: MutationOptions): Promise<void> {
    const refused: Subnet[] = [];
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const [subnet] = freeSubnets([...(await this.takenSubnets()), ...refused]);
      if (!subnet) break;
      try {
        const full = {
          ...spec,
          Driver: 'bridge',
          CheckDuplicate: true,
          IPAM: { Driver: 'default', Config: [{ Subnet: formatSubnet(subnet) }] },
        };
        await this.engine.mutate('docker.network.create', `create network ${spec.Name}`, options, (abortSignal) =>
          this.engine.docker.createNetwork({ ...full, abortSignal }),
        );
        return;
      } catch (error) {
        if (isRefusal(error, 409)) return;
        if (!isOverlap(error)) throw refusedCreate(error);
        refused.push(subnet);
      }
    }
    throw new AppError(
      'create_failed',
      `no subnet of ${formatSubnet(this.base)} is free for network ${spec.Name}: waiting for one`,
      {
        retryable: true,
      },
    );
  }

  /**
   * All workers keep the same network (one that was joined, which happened while it was alone; then the oldest, then the
   * lower id) and remove the rest. What only has the name is not ours to touch.
   */
  private async settleTwins(twins: Docker.NetworkInspectInfo[], options: MutationOptions): Promise<void> {
    if (twins.length < 2) return;
    const joined = new Set(await this.joinedOf(twins.map(({ Id }) => Id)));
    const [, ...extra] = twins.sort(
      (a, b) =>
        Number(joined.has(b.Id)) - Number(joined.has(a.Id)) || compare(a.Created, b.Created) || compare(a.Id, b.Id),
    );
    for (const { Id } of extra) {
      try {
        await this.engine.mutate('docker.network.remove-double', 'remove doubled network', options, (abortSignal) =>
          this.engine.docker.getNetwork(Id).remove({ abortSignal }),
        );
      } catch (error) {
        if (!isRefusal(error, 404, 403, 409)) throw toAppError(error);
      }
    }
  }

  /** Those that containers are in. A list of networks does not tell. */
  private async joinedOf(ids: readonly string[]): Promise<string[]> {
    const found = await Promise.all(ids.map((id) => this.inspect(id)));
    return found
      .filter((network) => Object.keys(network?.Containers ?? {}).length > 0)
      .map((network) => network?.Id ?? '');
  }

  /** Null where it is gone. */
  private async inspect(id: string): Promise<Docker.NetworkInspectInfo | null> {
    try {
      return await this.engine.read('inspect network', () => this.engine.docker.getNetwork(id).inspect());
    } catch (error) {
      if (isRefusal(error, 404)) return null;
      throw toAppError(error);
    }
  }

  private async named(name: string): Promise<Docker.NetworkInspectInfo[]> {
    const found = await this.list({ name: [name] });
    return found.filter((network) => network.Name === name);
  }

  private async takenSubnets(): Promise<Subnet[]> {
    const configs = (await this.list({})).flatMap((network) => network.IPAM?.Config ?? []);
    return configs.flatMap(({ Subnet: subnet }) =>
      subnet !== undefined && !subnet.includes(':') ? [parseSubnet(subnet)] : [],
    );
  }

  private async list(filters: Record<string, string[]>): Promise<Docker.NetworkInspectInfo[]> {
    try {
      return await this.engine.read('list networks', (abortSignal) =>
        this.engine.docker.listNetworks({ filters, abortSignal }),
      );
    } catch (error) {
      throw toAppError(error);
    }
  }
}

function isOverlap(error: unknown): boolean {
  return error instanceof EngineRefusal && /overlap/i.test(error.words);
}

function refusedCreate(error: unknown): unknown {
  return error instanceof EngineRefusal ? new AppError('create_failed', error.words, { cause: error }) : error;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A range of IPv4 addresses: all whose first `prefix` bits are those of `start`. */
export interface Subnet {
  readonly start: number;
  readonly prefix: number;
}

const SHARED_PREFIX = 20;
const TEAM_PREFIX = 28;

export function parseSubnet(text: string): Subnet {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  const [a = -1, b = -1, c = -1, d = -1, prefix = -1] = (match ?? []).slice(1).map(Number);
  if (!match || [a, b, c, d].some((part) => part > 255) || prefix > 32)
    throw new RangeError(`not an IPv4 subnet: "${text}"`);
  const size = 2 ** (32 - prefix);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  return { start: Math.floor(address / size) * size, prefix };
}

export function formatSubnet({ start, prefix }: Subnet): string {
  return `${[24, 16, 8, 0].map((shift) => Math.floor(start / 2 ** shift) % 256).join('.')}/${prefix}`;
}

export function overlaps(one: Subnet, other: Subnet): boolean {
  return one.start < other.start + sizeOf(other) && other.start < one.start + sizeOf(one);
}

/** Subnets of 4,094 addresses for the network that all teams of a host share: the base's first /20, then its others. */
export function sharedSubnets(base: Subnet, taken: readonly Subnet[]): Subnet[] {
  return cut(base, SHARED_PREFIX).filter((subnet) => !taken.some((other) => overlaps(subnet, other)));
}

/**
 * Subnets of 14 addresses for a team of its own, out of the base beyond its first /20, beginning at a place that
 * depends on the seed, so that workers who choose at the same time seldom choose the same.
 */
export function teamSubnets(base: Subnet, taken: readonly Subnet[], seed: string): Subnet[] {
  const shared = { start: base.start, prefix: SHARED_PREFIX };
  const all = cut(base, TEAM_PREFIX).filter((subnet) => !overlaps(subnet, shared));
  const first = all.length === 0 ? 0 : hash(seed) % all.length;
  return [...all.slice(first), ...all.slice(0, first)].filter(
    (subnet) => !taken.some((other) => overlaps(subnet, other)),
  );
}

function cut(base: Subnet, prefix: number): Subnet[] {
  const size = 2 ** (32 - prefix);
  const count = Math.floor(sizeOf(base) / size);
  return Array.from({ length: count }, (_, index) => ({ start: base.start + index * size, prefix }));
}

function sizeOf(subnet: Subnet): number {
  return 2 ** (32 - subnet.prefix);
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const char of text) value = Math.imul(value ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return value;
}
