import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { loadAllYaml } from '@kubernetes/client-node';
import { NEEDED_RIGHTS } from '@crewtab/runtime-kubernetes/rights';
import { renderChart, whyNoRenderer, type Manifest } from '../kit/render-chart';
import { eventually } from '../kit/wait-for';
import { describeWithCluster, makeRuntime } from './cluster';
import type { TestNamespace } from './namespace';

interface Role extends Manifest {
  readonly rules?: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[];
}

const PLURALS: Readonly<Record<string, string>> = { NetworkPolicy: 'networkpolicies', Ingress: 'ingresses' };
const read = (file: string): Role[] => loadAllYaml(readFileSync(resolve('deploy/kubernetes', file), 'utf8')) as Role[];

const missing = whyNoRenderer();
const rendered = missing === null ? it : it.skip;
const unless = missing === null ? '' : ` (skipped: ${missing})`;

/** Makes an object of the chart, or asks only whether it would be made. */
async function post({ admin }: TestNamespace, object: Manifest, isDryRun: boolean): Promise<Manifest> {
  const group = object.apiVersion === 'v1' ? '/api/v1' : `/apis/${object.apiVersion}`;
  const { namespace } = object.metadata;
  const within = namespace === undefined ? '' : `/namespaces/${namespace}`;
  const path = `${group}${within}/${PLURALS[object.kind] ?? `${object.kind.toLowerCase()}s`}`;
  return admin.json<Manifest>({ method: 'POST', path, query: isDryRun ? { dryRun: 'All' } : {}, body: object });
}

/** Installed beside the teams of the spec's own namespace, in another one that is there. */
async function chartFor({ admin, name }: TestNamespace, values: object): Promise<Manifest[]> {
  const { gitVersion } = await admin.json<{ gitVersion: string }>({ method: 'GET', path: '/version' });
  const image = { repository: 'crewtab.local/agent', tag: '1', pullPolicy: 'Never' };
  return renderChart(
    { image, fullnameOverride: 'chart', teams: { namespace: name, createNamespace: false }, ...values },
    { namespace: name, kube: gitVersion.replace(/^v/, '') },
  );
}

const MADE = { DATABASE_URL: 'postgresql://nowhere/x', REDIS_URL: 'redis://nowhere', CREWTAB_ENCRYPTION_KEY: '0' };

describeWithCluster('the manifests', (namespace) => {
  rendered.each<[string, object]>([
    ['with a secret of its own', { secret: { values: MADE } }],
    [
      'with all that an installation may ask for',
      {
        secret: { name: 'given' },
        scheduler: {
          ingress: { enabled: true, tlsSecret: 'tls' },
          topologySpreadConstraints: [],
          podLabels: { a: 'b' },
        },
        worker: { metricsPort: 9464, autoscaling: { kind: 'hpa' }, tolerations: [{ operator: 'Exists' }] },
        volumes: [{ name: 'more', emptyDir: {} }],
        volumeMounts: [{ name: 'more', mountPath: '/more' }],
        networkPolicy: { schedulerFrom: [{ podSelector: {} }], egress: [{ ports: [{ port: 5432 }] }] },
      },
    ],
  ])(
    `would be made by the cluster, %s${unless}`,
    async (_, values) => {
      for (const object of await chartFor(namespace(), values)) {
        const made = await post(namespace(), object, true);
        // What an API server does not know it leaves out.
        expect(made).toMatchObject({ kind: object.kind, metadata: { name: object.metadata.name } });
        expect(made['spec'] ?? {}).toMatchObject(withoutAmounts(object['spec'] ?? {}));
      }
    },
    60_000,
  );

  rendered(
    `are installed, and make the pods that they describe${unless}`,
    async () => {
      const { admin, name } = namespace();
      for (const object of await chartFor(namespace(), { secret: { values: MADE } }))
        await post(namespace(), object, false);
      for (const component of ['scheduler', 'worker']) {
        const query = { labelSelector: `app.kubernetes.io/component=${component}` };
        const pods = (): Promise<{ items: { status: { containerStatuses?: { imageID: string }[] } }[] }> =>
          admin.json({ method: 'GET', path: `/api/v1/namespaces/${name}/pods`, query });
        // The image is another one: the kubelet takes the pod as it is, mounts, settings, secret and confinement, and starts it.
        const isStarted = async (): Promise<boolean> => {
          const { items } = await pods();
          return (
            items.length === 2 && items.every(({ status }) => (status.containerStatuses?.[0]?.imageID ?? '') !== '')
          );
        };
        await eventually(isStarted, { timeoutMs: 60_000 });
      }
    },
    150_000,
  );

  it.each(['crewtab.yaml', 'worker-role.yaml'])('%s: give a worker what it asks for, and no more', (file) => {
    const role = read(file).find(({ kind }) => kind === 'Role');
    const given = (role?.rules ?? []).flatMap(({ resources, verbs }) =>
      resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)),
    );
    const needed = NEEDED_RIGHTS.map(({ verb, resource, subresource }) =>
      subresource === undefined ? `${verb} ${resource}` : `${verb} ${resource}/${subresource}`,
    );
    expect(given.sort()).toEqual(needed.sort());
  });

  it('are missed by name when a worker lacks a right', async () => {
    const { admin, name } = namespace();
    const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${name}/rolebindings/crewtab-worker`;
    const binding = await admin.json<object>({ method: 'GET', path });
    await admin.json({ method: 'DELETE', path });
    const runtime = makeRuntime(namespace());
    try {
      await expect(runtime.identify()).rejects.toThrow(/lacks rights in the namespace .*: create pods, get pods/);
    } finally {
      await runtime.close();
      const { metadata, ...rest } = binding as { metadata: { name: string } };
      await admin.json({
        method: 'POST',
        path: path.replace(/\/[^/]*$/, ''),
        body: { ...rest, metadata: { name: metadata.name } },
      });
    }
  }, 60_000);
});

/** Without numbers and amounts, which an API server writes in its own way. */
function withoutAmounts(value: unknown): object {
  return JSON.parse(
    JSON.stringify(value, (key: string, one: unknown) =>
      ['resources', 'averageValue'].includes(key) ? undefined : one,
    ),
  ) as object;
}
