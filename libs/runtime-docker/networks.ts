import { AppError } from '@crewtab/domain/errors';
import type { DeploymentSpec } from '@crewtab/domain/ports/runtime';
import type Docker from 'dockerode';
import { EngineRefusal, isRefusal, toAppError } from './engine-errors';
import type { DockerSettings } from './docker-options';
import type { EngineClient, MutationOptions } from './engine-client';
import { LABELS, belongsToRun, runLabels } from './labels';
import { formatSubnet, parseSubnet, sharedSubnets, teamSubnets, type Subnet } from './subnets';

const ATTEMPTS = 20;

/** The name by which a deployment's containers join their network. */
export function networkModeOf(deployment: DeploymentSpec, egressNetwork: string): string {
  switch (deployment.network) {
    case 'none':
      return 'none';
    case 'egress':
      return egressNetwork;
    case 'team':
      return deployment.name;
  }
}

/** Get-or-create of the networks that deployments need. */
export class Networks {
  private readonly base: Subnet;

  constructor(
    private readonly engine: EngineClient,
    private readonly settings: Pick<DockerSettings, 'subnetBase' | 'egressNetwork'>,
  ) {
    this.base = parseSubnet(settings.subnetBase);
  }

  /** Throws `create_failed`; retryable where every subnet is taken, since teardowns give some back. */
  async ensure(deployment: DeploymentSpec, signal: AbortSignal): Promise<void> {
    if (deployment.network === 'none') return;
    const options: MutationOptions = { priority: 'deploy', signal };
    if (deployment.network === 'egress') await this.ensureEgress(options);
    else await this.ensureTeam(deployment, options);
  }

  /** Traffic between containers is off. It belongs to the host and is never removed. */
  private async ensureEgress(options: MutationOptions): Promise<void> {
    if ((await this.named(this.settings.egressNetwork)).length > 0) return;
    const spec = {
      Name: this.settings.egressNetwork,
      Labels: { [LABELS.shared]: 'egress' },
      Options: { 'com.docker.network.bridge.enable_icc': 'false' },
    };
    await this.create(spec, (taken) => sharedSubnets(this.base, taken), options);
    await this.settleTwins(options);
  }

  private async ensureTeam(deployment: DeploymentSpec, options: MutationOptions): Promise<void> {
    const [existing] = await this.named(deployment.name);
    if (existing) {
      if (belongsToRun(existing.Labels, deployment.installationId, deployment.runId)) return;
      throw new AppError('name_conflict', `a network named ${deployment.name} exists that does not belong to this run`);
    }
    const spec = { Name: deployment.name, Labels: runLabels(deployment) };
    await this.create(spec, (taken) => teamSubnets(this.base, taken, deployment.runId), options);
  }

  private async create(
    spec: Pick<Docker.NetworkCreateOptions, 'Name' | 'Labels' | 'Options'>,
    freeSubnets: (taken: readonly Subnet[]) => Subnet[],
    options: MutationOptions,
  ): Promise<void> {
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
   * The engine checks names without a lock, so two workers may each have made the shared network at the same moment,
   * and a name with two networks behind it can't be joined. All of them keep the same one (the oldest, then the lower
   * id) and remove the rest, which nobody can have joined by name.
   */
  private async settleTwins(options: MutationOptions): Promise<void> {
    const twins = await this.named(this.settings.egressNetwork);
    const [, ...extra] = twins.sort((a, b) => compare(a.Created, b.Created) || compare(a.Id, b.Id));
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
