import type { DeploymentSpec } from '@crewtab/domain/ports/runtime';
import type { ClusterObject, ConfigMap, Pod } from './cluster/api-objects';
import type { ClusterClient, Kind } from './cluster/cluster-client';
import { settingsFrom } from './kubernetes-options';
import { PolicyProbe } from './policy-probe';

const ADDRESS = '10.0.0.7';
const OWNER: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'team-run-1', uid: 'u' } };
const DEPLOYMENT: DeploymentSpec = {
  installationId: 'installation',
  runId: 'run-id',
  name: 'team-run-1',
  epoch: 1,
  deadlineAt: new Date('2026-03-02T10:00:00.000Z'),
  network: { kind: 'allowlist', hostFolder: '/h', socketName: 's' },
  agents: [{ name: 'lead', image: 'agent:1', command: ['x'], env: {}, resources: {}, stdin: 'open', tools: null }],
};

/** A pod or a policy, as far as it is looked at. */
interface Made extends ClusterObject {
  readonly kind?: string;
  readonly spec?: {
    readonly containers?: readonly { readonly name: string }[];
    readonly podSelector?: object;
    readonly egress?: readonly object[];
  };
}

/** A cluster that keeps what it is given, and of which a pod reaches another one as its policies say, if it enforces them. */
class FakeCluster {
  readonly objects = new Map<string, Made>();
  /** The labels of each pod that was made. */
  readonly labels: (Readonly<Record<string, string>> | undefined)[] = [];

  constructor(private readonly options: { readonly isEnforced: boolean; readonly deniesAll?: boolean }) {}

  readonly client = {
    create: (kind: Kind, object: Made) => {
      if (kind === 'pods') this.labels.push(object.metadata.labels);
      const made = { ...object, metadata: { ...object.metadata, uid: object.metadata.name } };
      this.objects.set(object.metadata.name, made);
      return Promise.resolve(made);
    },
    get: (_: Kind, name: string) => {
      const found = this.objects.get(name);
      const containerStatuses = found?.spec?.containers?.map((one) => ({ name: one.name, state: { running: {} } }));
      return Promise.resolve(found ? { ...found, status: { podIP: ADDRESS, containerStatuses } } : null);
    },
    remove: (_: Kind, { metadata }: ClusterObject) => Promise.resolve(this.objects.delete(metadata.name)),
  } as unknown as ClusterClient;

  readonly reach = (_: ClusterClient, caller: Pod, address: string): Promise<boolean> => {
    if (address !== ADDRESS) throw new Error(`${address} is no address of a pod`);
    if (!this.options.isEnforced) return Promise.resolve(true);
    const policies = [...this.objects.values()].filter(
      ({ kind, spec }) => kind === 'NetworkPolicy' && isSelected(caller, spec?.podSelector as Selector),
    );
    const isDenied = this.options.deniesAll === true || policies.length > 0;
    return Promise.resolve(!isDenied || policies.some(({ spec }) => (spec?.egress?.length ?? 0) > 0));
  };
}

interface Selector {
  readonly matchLabels: Readonly<Record<string, string>>;
}

function isSelected({ metadata: { labels } }: Pod, { matchLabels }: Selector): boolean {
  return Object.entries(matchLabels).every(([name, value]) => labels?.[name] === value);
}

describe('a test of whether a cluster enforces network policies', () => {
  const settings = settingsFrom({ kubeconfig: null, namespace: null });
  const told: string[] = [];
  const options = { signal: new AbortController().signal, onProgress: (text: string) => void told.push(text) };
  const probing = (cluster: FakeCluster, isAllowed = false) => {
    const probe = new PolicyProbe({ ...settings, isUnenforcedNetworkAllowed: isAllowed }, cluster.reach, 2_000);
    return { probe, ask: () => probe.requireEnforcement(cluster.client, DEPLOYMENT, OWNER, options) };
  };

  beforeEach(() => void told.splice(0));

  it.each([
    ['', {}],
    [', also in a namespace that denies everything', { deniesAll: true }],
  ])('finds that it does, once for all runs, and leaves nothing%s', async (_, more) => {
    const cluster = new FakeCluster({ isEnforced: true, ...more });
    const { ask } = probing(cluster);
    await Promise.all([ask(), ask()]);
    await ask();
    expect(cluster.labels).toHaveLength(2);
    expect(cluster.objects.size).toBe(0);
    expect(told).toHaveLength(1);
    // They fall to the run's teardown where a worker dies meanwhile, and are none of its agents.
    for (const labels of cluster.labels)
      expect(labels).toMatchObject({ 'crewtab.run': 'run-id', 'crewtab.program': 'probe', 'crewtab.network': 'probe' });
  });

  it('finds that it does not, and tells what to do', async () => {
    const cluster = new FakeCluster({ isEnforced: false });
    const { ask } = probing(cluster);
    await expect(ask()).rejects.toMatchObject({
      code: 'network_not_enforced',
      message: expect.stringContaining('KUBERNETES_UNENFORCED_NETWORK_ALLOWED') as string,
    });
    expect(cluster.objects.size).toBe(0);
  });

  it('is not made where the operator has chosen so, which each run says', async () => {
    const cluster = new FakeCluster({ isEnforced: false });
    await probing(cluster, true).ask();
    expect(cluster.labels).toEqual([]);
    expect(told).toEqual([expect.stringContaining('is not tested')]);
  });

  it('is made by the next run where one was given up in the middle', async () => {
    const cluster = new FakeCluster({ isEnforced: true });
    const { probe, ask } = probing(cluster);
    const signal = AbortSignal.abort();
    const givenUp = probe.requireEnforcement(cluster.client, DEPLOYMENT, OWNER, { ...options, signal });
    await expect(givenUp).rejects.toMatchObject({ retryable: true });
    await ask();
    expect(cluster.labels).toHaveLength(2);
  });
});
