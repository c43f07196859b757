import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { loadAllYaml } from '@kubernetes/client-node';
import { NEEDED_RIGHTS } from '@crewtab/runtime-kubernetes/rights';
import { describeWithCluster, makeRuntime } from './cluster';

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[];
}

const PLURALS: Readonly<Record<string, string>> = { NetworkPolicy: 'networkpolicies' };
const read = (file: string): Manifest[] =>
  loadAllYaml(readFileSync(resolve('deploy/kubernetes', file), 'utf8')) as Manifest[];

describeWithCluster('the manifests', (namespace) => {
  it('are taken by the cluster, each of them', async () => {
    const { admin, name } = namespace();
    for (const manifest of read('crewtab.yaml').filter(({ kind }) => kind !== 'Namespace')) {
      // What 1.25 has not any more is all that 1.20 has.
      const apiVersion = manifest.kind === 'PodDisruptionBudget' ? 'policy/v1beta1' : manifest.apiVersion;
      const group = apiVersion === 'v1' ? '/api/v1' : `/apis/${apiVersion}`;
      const plural = PLURALS[manifest.kind] ?? `${manifest.kind.toLowerCase()}s`;
      const body = { ...manifest, apiVersion, metadata: { ...manifest.metadata, namespace: name } };
      const path = `${group}/namespaces/${name}/${plural}`;
      const made = await admin
        .json<Manifest>({ method: 'POST', path, query: { dryRun: 'All' }, body })
        .catch((error: unknown) => error as { reason?: string });
      // The spec's own namespace has the worker's role already.
      if ('reason' in made) expect([manifest.metadata.name, made.reason]).toEqual(['crewtab-worker', 'AlreadyExists']);
      else expect(made).toMatchObject({ kind: manifest.kind, metadata: { name: manifest.metadata.name } });
    }
  }, 60_000);

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
