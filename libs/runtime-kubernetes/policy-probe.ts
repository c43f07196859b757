import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@crewtab/domain/errors';
import { effect } from '@crewtab/domain/failpoint';
import type { DeploymentSpec, DeployOptions } from '@crewtab/domain/ports/runtime';
import type { ClusterObject, ConfigMap, NetworkPolicy, Pod } from './cluster/api-objects';
import type { ClusterClient, Kind } from './cluster/cluster-client';
import { aborted } from './cluster/cluster-errors';
import { untilReady } from './deploy';
import type { KubernetesSettings } from './kubernetes-options';
import { askKeeper, keeperOf } from './pod/keeper';
import { KEEPER_PROGRAM, keeperImage, ownedBy, podOf } from './pod/pod-spec';
import { LABELS, runMetadata } from './run-labels';

const PORT = 8080;
/** See images/guard/keeper-reach.h. */
const NOT_REACHED = 9;
/** The cluster ends the probe's pods after so long, even if no worker is left to remove them. */
const POD_SECONDS = 180;
/** Until the control is reached, and then until the policy holds; network plugins take some seconds for either. */
const CONTROL_LIMIT_MS = 30_000;
const POLICY_LIMIT_MS = 20_000;
const AGAIN_MS = 500;
/** So often one after the other: a single try may fail for another reason. */
const REFUSALS = 3;
/** How long an answer holds: a cluster seldom changes its plugin; one that lacked it may get it at any time. */
const ENFORCED_FOR_MS = 3_600_000;
const UNENFORCED_FOR_MS = 60_000;

const ADVICE =
  'KUBERNETES_UNENFORCED_NETWORK_ALLOWED lets such teams run all the same, and docs/kubernetes.md says what that means';

/**
 * Whether the cluster enforces network policies: a pod reaches another one, and then, under a policy, does not. Found out with the first
 * run that needs it, whose labels the probe's objects bear: what a worker leaves that dies meanwhile goes with that run.
 */
export class PolicyProbe {
  private known: { readonly isEnforced: boolean; readonly untilMs: number } | null = null;
  private turn: Promise<unknown> = Promise.resolve();

  /** @param reach what tests have in the place of an exec */
  constructor(
    private readonly settings: KubernetesSettings,
    private readonly reach: Reach = reachByKeeper,
    private readonly policyLimitMs = POLICY_LIMIT_MS,
  ) {}

  /** Where it is not known yet, tests it. @throws AppError `network_not_enforced`, or what kept the test from being made */
  async requireEnforcement(
    client: ClusterClient,
    deployment: DeploymentSpec,
    owner: ConfigMap,
    options: DeployOptions,
  ): Promise<void> {
    if (this.settings.isUnenforcedNetworkAllowed) {
      options.onProgress(
        'Whether the cluster enforces network policies is not tested, as the operator has chosen: where it does not, the agents reach what any pod reaches',
      );
      return;
    }
    // One at a time: all runs that wait for it go by the same answer.
    const turn = this.turn.then(async () => {
      if (this.known && performance.now() < this.known.untilMs) return;
      if (options.signal.aborted) throw aborted();
      options.onProgress('Testing whether the cluster enforces network policies');
      const isEnforced = await new Probe(client, this.settings, this.reach, deployment, owner, options).run(
        this.policyLimitMs,
      );
      const untilMs = performance.now() + (isEnforced ? ENFORCED_FOR_MS : UNENFORCED_FOR_MS);
      this.known = { isEnforced, untilMs };
    });
    this.turn = turn.catch(() => undefined);
    await turn;
    if (this.known?.isEnforced) return;
    throw new AppError(
      'network_not_enforced',
      `a pod of this cluster reaches another one although a network policy forbids it: ${ADVICE}`,
    );
  }
}

/** Whether the one pod reaches the other one's address now. */
type Reach = (client: ClusterClient, caller: Pod, address: string) => Promise<boolean>;

const reachByKeeper: Reach = async (client, caller, address) => {
  const { code, said } = await askKeeper(client, keeperOf(caller), ['reach', address, String(PORT)], []);
  if (code === 0 || code === NOT_REACHED) return code === 0;
  throw new AppError('create_failed', `the test of network policies failed: ${said || `exit code ${code}`}`);
};

/** One test. */
class Probe {
  private readonly id = randomBytes(4).toString('hex');
  private readonly made: { readonly kind: Kind; readonly object: ClusterObject }[] = [];

  constructor(
    private readonly client: ClusterClient,
    private readonly settings: KubernetesSettings,
    private readonly reach: Reach,
    private readonly deployment: DeploymentSpec,
    private readonly owner: ConfigMap,
    private readonly options: DeployOptions,
  ) {}

  /** @returns true where the policy held within its limit */
  async run(limitMs: number): Promise<boolean> {
    try {
      // A namespace may refuse everything by a policy of its own: this one lets the control through.
      const open = await this.create('networkpolicies', this.policy('allow', {}, [{}]));
      const [target, caller] = await Promise.all([this.startPod('target'), this.startPod('caller')]);
      const address = target.status?.podIP ?? '';
      await this.reachControl(caller, address);
      await this.create('networkpolicies', this.policy('deny', { [LABELS.probeRole]: 'caller' }, []));
      await this.remove('networkpolicies', open);
      return await this.isCutOff(caller, address, limitMs);
    } finally {
      // What resists bears the run's labels, and goes with it.
      await Promise.allSettled(this.made.map(({ kind, object }) => this.remove(kind, object)));
    }
  }

  private async reachControl(caller: Pod, address: string): Promise<void> {
    const giveUpAt = performance.now() + CONTROL_LIMIT_MS;
    while (!(await this.isReached(caller, address))) {
      if (performance.now() > giveUpAt)
        throw new AppError(
          'network_not_enforced',
          `whether this cluster enforces network policies could not be tested: one pod does not reach another one that it may reach. ${ADVICE}`,
        );
      await delay(AGAIN_MS);
    }
  }

  private async isCutOff(caller: Pod, address: string, limitMs: number): Promise<boolean> {
    let refusals = 0;
    for (const giveUpAt = performance.now() + limitMs; performance.now() < giveUpAt; await delay(AGAIN_MS)) {
      refusals = (await this.isReached(caller, address)) ? 0 : refusals + 1;
      if (refusals === REFUSALS) return true;
    }
    return false;
  }

  private async isReached(caller: Pod, address: string): Promise<boolean> {
    if (this.options.signal.aborted) throw aborted();
    return this.reach(this.client, caller, address);
  }

  private async startPod(role: 'target' | 'caller'): Promise<Pod> {
    const made = this.podOf(role);
    const pod = await this.create('pods', made);
    return untilReady(this.client, pod, { ...this.options, onProgress: () => undefined });
  }

  /** Its keeper alone, which listens in the one and calls in the other. */
  private podOf(role: 'target' | 'caller'): Pod {
    const { deployment, settings } = this;
    const order = {
      name: `${deployment.name}-probe-${role}-${this.id}`,
      deployment,
      agents: [],
      owner: ownedBy(this.owner),
      endsAfterSeconds: POD_SECONDS,
      labels: { ...this.labels, [LABELS.program]: 'probe', [LABELS.network]: 'probe', [LABELS.probeRole]: role },
      keeperImage: keeperImage(deployment.agents, settings),
    };
    const pod = podOf(order, settings);
    if (role === 'caller') return pod;
    const containers = pod.spec.containers.map((one) => ({
      ...one,
      command: [KEEPER_PROGRAM, 'listen', String(PORT)],
    }));
    return { ...pod, spec: { ...pod.spec, containers } };
  }

  /** @param peers what may come and go */
  private policy(name: string, more: Readonly<Record<string, string>>, peers: readonly object[]): NetworkPolicy {
    const { labels, annotations } = runMetadata(this.deployment);
    return {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: {
        name: `${this.deployment.name}-probe-${name}-${this.id}`,
        labels: { ...labels, ...this.labels },
        annotations,
        ownerReferences: [ownedBy(this.owner)],
      },
      spec: {
        podSelector: { matchLabels: { ...this.labels, ...more } },
        policyTypes: ['Ingress', 'Egress'],
        ingress: peers,
        egress: peers,
      },
    };
  }

  private get labels(): Record<string, string> {
    return { [LABELS.probe]: this.id };
  }

  private async create<T extends Pod | NetworkPolicy>(kind: Kind, object: T): Promise<T> {
    const create = () => effect('kubernetes.probe.create', () => this.client.create(kind, object, this.options.signal));
    const made = await create();
    if (made === null) throw new AppError('create_failed', `${object.metadata.name} exists`, { retryable: true });
    this.made.push({ kind, object: made });
    return made as T;
  }

  private async remove(kind: Kind, object: ClusterObject): Promise<void> {
    const options = kind === 'pods' ? { gracePeriodSeconds: 1 } : {};
    await effect('kubernetes.probe.remove', () => this.client.remove(kind, object, options));
  }
}
