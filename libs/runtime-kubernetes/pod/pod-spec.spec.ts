import type { AgentSpec, DeploymentSpec } from '@crewtab/domain/ports/runtime';
import type { Container } from '../cluster/api-objects';
import { settingsFrom } from '../kubernetes-options';
import { environmentBlock, homeFolder, ownerConfigMap, podOf, proxyPortOf, runPolicy } from './pod-spec';

const SETTINGS = { ...settingsFrom({ kubeconfig: null, namespace: null }), architecture: 'amd64' };
const DEADLINE = new Date('2026-03-02T10:00:00.000Z');
const DEPLOYMENT: DeploymentSpec = {
  installationId: 'installation',
  runId: 'run-id',
  name: 'team-run-3f9a1c',
  epoch: 7,
  deadlineAt: DEADLINE,
  network: { kind: 'open', hasOwnBridge: false },
  agents: [],
};
const OWNER = { apiVersion: 'v1', kind: 'ConfigMap', name: 'team-run-3f9a1c', uid: 'u', blockOwnerDeletion: true };

function agent(overrides: Partial<AgentSpec> = {}): AgentSpec {
  const image = 'registry.example/agent:1';
  return { name: 'lead', image, command: ['agent'], env: {}, resources: {}, stdin: 'open', tools: null, ...overrides };
}

function podWith(agents: readonly AgentSpec[], settings = SETTINGS) {
  const order = { name: DEPLOYMENT.name, deployment: DEPLOYMENT, agents, owner: OWNER, endsAfterSeconds: 90 };
  return podOf(order, settings);
}

function containerOf(agents: readonly AgentSpec[], name: string): Container & Record<string, unknown> {
  const found = podWith(agents).spec.containers.find((one) => one.name === name);
  if (!found) throw new Error(`there is no container ${name}`);
  return found;
}

describe('the pod of a team', () => {
  it('has the rights of nobody, ends by itself, and is never started again', () => {
    expect(podWith([agent()]).spec).toMatchObject({
      restartPolicy: 'Never',
      activeDeadlineSeconds: 90,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      nodeSelector: { 'kubernetes.io/arch': 'amd64' },
    });
    for (const { securityContext } of podWith([agent()]).spec.containers)
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
        readOnlyRootFilesystem: true,
      });
  });

  it('bears the labels of its run and belongs to its owner', () => {
    expect(podWith([agent()]).metadata).toMatchObject({
      labels: {
        'crewtab.installation': 'installation',
        'crewtab.run': 'run-id',
        'crewtab.epoch': '7',
        'crewtab.network': 'open',
      },
      annotations: { 'crewtab/deadline': DEADLINE.toISOString(), 'crewtab/keeper': 'keeper' },
      ownerReferences: [OWNER],
    });
  });

  it('has a container for each agent, and a keeper of another name than theirs', () => {
    const names = podWith([agent({ name: 'keeper' }), agent({ name: 'keeper-2' })]).spec.containers.map(
      ({ name }) => name,
    );
    expect(names).toEqual(['keeper', 'keeper-2', 'keeper-3']);
  });

  it('starts an agent behind its launcher and guard, and leaves no word of its command to Kubernetes', () => {
    expect(containerOf([agent({ command: ['say', '$(HOME)', 'a$$b'] })], 'lead').command).toEqual([
      ...['/.crewtab-programs/launcher', '/.crewtab', '/.crewtab-given', 'open', '/.crewtab-programs/guard'],
      ...['90', String(4 * SETTINGS.outputLimitBytes), 'say', '$$(HOME)', 'a$$$$b'],
    ]);
  });

  it('keeps an agent from the network where its team says so, and knows no way to listed hosts', () => {
    const inNetwork = (network: DeploymentSpec['network']) => {
      const deployment = { ...DEPLOYMENT, network };
      const order = { name: 'p', deployment, agents: [agent()], owner: OWNER, endsAfterSeconds: 90 };
      return podOf(order, SETTINGS).spec.containers[0]?.command;
    };
    expect(inNetwork({ kind: 'none' })).toContain('none');
    expect(() => inNetwork({ kind: 'allowlist', hostFolder: '/h', socketName: 's' })).toThrow('listed hosts');
  });

  it('asks for all of the memory of an agent, and for a tenth of its cores', () => {
    expect(containerOf([agent({ resources: { cpus: 0.5, memory: '512m' } })], 'lead').resources).toEqual({
      requests: { cpu: '50m', memory: String(512 * 1024 ** 2) },
      limits: { cpu: '500m', memory: String(512 * 1024 ** 2) },
    });
    expect(containerOf([agent({ resources: { cpus: 0.01 } })], 'lead').resources).toMatchObject({
      requests: { cpu: '10m' },
      limits: { cpu: '10m' },
    });
  });

  it('says of no agent what it was given', () => {
    const secret = agent({ env: { API_KEY: 'sk-secret' }, files: [{ path: 'a', content: 'sk-secret' }] });
    expect(JSON.stringify(podWith([secret]))).not.toContain('sk-secret');
    expect(JSON.stringify(ownerConfigMap({ ...DEPLOYMENT, agents: [secret] }, new Map()))).not.toContain('sk-secret');
  });

  it('shows each agent its own folders, and the keeper all of them', () => {
    const pod = podWith([agent(), agent({ name: 'x'.repeat(63), tools: { kind: 'unix-socket', hostFolder: '/h' } })]);
    const volumes = new Set((pod.spec.volumes as { name: string }[]).map(({ name }) => name));
    const mountsOf = (index: number) =>
      pod.spec.containers[index]?.volumeMounts as { name: string; mountPath: string }[];
    for (const mounts of [0, 1, 2].map(mountsOf)) for (const { name } of mounts) expect(volumes).toContain(name);
    for (const name of volumes) expect(name.length).toBeLessThanOrEqual(63);
    const shared = mountsOf(0).filter(({ name }) => mountsOf(1).some((other) => other.name === name));
    expect(shared.map(({ name }) => name)).toEqual(['programs', 'workspace']);
    expect(mountsOf(1)).toContainEqual(expect.objectContaining({ mountPath: '/run/crewtab', readOnly: true }));
    expect(mountsOf(2).map(({ mountPath }) => mountPath)).toContain('/agents/lead/guard');
  });

  it('takes what the operator says of placement', () => {
    const placement = {
      ...SETTINGS.placement,
      imagePullSecrets: ['login'],
      runtimeClassName: 'gvisor',
      nodeSelector: { pool: 'agents' },
      tolerations: [{ key: 'agents', operator: 'Exists' as const }],
      keeperImage: 'pause:1',
      template: {
        metadata: { labels: { team: 'agents', 'crewtab.run': 'another' }, annotations: { note: 'x' } },
        spec: { priorityClassName: 'batch', restartPolicy: 'Always' },
      },
    };
    const { metadata, spec } = podWith([agent()], { ...SETTINGS, placement });
    expect(metadata).toMatchObject({ labels: { team: 'agents', 'crewtab.run': 'run-id' }, annotations: { note: 'x' } });
    expect(spec).toMatchObject({ priorityClassName: 'batch', restartPolicy: 'Never' });
    expect(spec).toMatchObject({
      imagePullSecrets: [{ name: 'login' }],
      runtimeClassName: 'gvisor',
      nodeSelector: { 'kubernetes.io/arch': 'amd64', pool: 'agents' },
      tolerations: [{ key: 'agents', operator: 'Exists' }],
    });
    expect(spec.containers.at(-1)?.image).toBe('pause:1');
  });

  it.each([
    [{ image: null }, 'image_not_found'],
    [{ command: null }, 'create_failed'],
    [{ command: [] }, 'create_failed'],
    [{ resources: { memory: 'much' } }, 'create_failed'],
  ])('is refused with %j', (overrides, code) => {
    expect(() => podWith([agent(overrides)])).toThrow(expect.objectContaining({ code }) as Error);
  });
});

describe('a way out to listed hosts', () => {
  const network = { kind: 'allowlist', hostFolder: '/h', socketName: 'proxy.sock' } as const;
  const agents = [agent({ command: ['run', 'it'] }), agent({ name: 'helper' })];
  const deployment = { ...DEPLOYMENT, network, agents };
  const pod = podOf({ name: 'x', deployment, agents, owner: OWNER, endsAfterSeconds: 60 }, SETTINGS);
  const commandOf = (index: number): string[] => pod.spec.containers[index]?.command as string[];

  it('is a forwarder in front of each agent, at a port of its own', () => {
    expect(commandOf(0)[3]).toBe('allowlist');
    const socket = '/run/crewtab-network/proxy.sock';
    const forwarder = '/.crewtab-programs/forwarder';
    expect(commandOf(0).slice(7)).toEqual([forwarder, '3128', socket, 'run', 'it']);
    expect(commandOf(1).slice(7, 10)).toEqual([forwarder, '3129', socket]);
    expect(['lead', 'helper'].map((name) => proxyPortOf(deployment, name))).toEqual([3128, 3129]);
    expect(environmentBlock(agent(), 3129).toString()).toContain('HTTPS_PROXY=http://127.0.0.1:3129\0');
  });

  it('is a folder that no other agent sees', () => {
    const mounts = pod.spec.containers.map(({ volumeMounts }) =>
      (volumeMounts as { name: string }[]).map(({ name }) => name).filter((name) => name.startsWith('network-')),
    );
    expect(mounts).toEqual([['network-lead'], ['network-helper'], ['network-lead', 'network-helper']]);
  });

  it('is refused to a program, which has none', () => {
    const program = agent({ name: 'verify' });
    const order = { name: 'x', deployment, agents: [program], owner: OWNER, endsAfterSeconds: 60 };
    expect(() => podOf(order, SETTINGS)).toThrow('no way out');
  });

  it('stands under a policy that lets nothing else through', () => {
    expect(runPolicy(deployment, OWNER)).toMatchObject({
      metadata: { name: DEPLOYMENT.name, ownerReferences: [OWNER] },
      spec: {
        podSelector: {
          matchLabels: { 'crewtab.run': 'run-id' },
          matchExpressions: [{ key: 'crewtab.network', operator: 'In', values: ['none', 'allowlist'] }],
        },
        policyTypes: ['Ingress', 'Egress'],
      },
    });
  });
});

describe("an agent's HOME", () => {
  it.each(['/usr', '/', '/workspace/x', '/run', '/proc/1', 'home', '/tmp/x'])('is no volume at "%s"', (HOME) => {
    const mounts = containerOf([agent({ env: { HOME } })], 'lead').volumeMounts as { name: string }[];
    expect(mounts.filter(({ name }) => name.startsWith('home'))).toEqual([]);
    expect(() => homeFolder(agent({ env: { HOME } }))).toThrow('no volume');
  });

  it('is a volume where the agent says, or in a place of ours', () => {
    const mountOf = (env: Record<string, string>) => containerOf([agent({ env })], 'lead').volumeMounts;
    expect(mountOf({ HOME: '/home/node/' })).toContainEqual({ name: 'home-lead', mountPath: '/home/node' });
    expect(mountOf({})).toContainEqual({ name: 'home-lead', mountPath: '/home/agent' });
    expect(environmentBlock(agent(), null).toString()).toBe('HOME=/home/agent\0');
    expect(environmentBlock(agent({ env: { HOME: '/h', A: 'ü=1' } }), null).toString()).toBe('HOME=/h\0A=ü=1\0');
    expect(homeFolder(agent())).toBe('/agents/lead/home');
  });
});
