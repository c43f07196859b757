import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { loadAllYaml } from '@kubernetes/client-node';
import { ClusterClient } from '@crewtab/runtime-kubernetes/cluster/cluster-client';
import { connect } from '@crewtab/runtime-kubernetes/cluster/connection';
import { settingsFrom } from '@crewtab/runtime-kubernetes/kubernetes-options';

const ROLE = 'deploy/kubernetes/worker-role.yaml';
const WORKER = 'crewtab-worker';
const PATHS: Readonly<Record<string, string>> = {
  ServiceAccount: 'api/v1/namespaces/{}/serviceaccounts',
  Role: 'apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles',
  RoleBinding: 'apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings',
};

/** A namespace of one spec, whose workers have the rights of the role that the project ships, and no other. */
export class TestNamespace {
  private constructor(
    readonly name: string,
    /** Of the workers' service account. */
    readonly kubeconfig: string,
    /** With the rights of KUBECONFIG. */
    readonly admin: ClusterClient,
    private readonly folder: string,
  ) {}

  static async open(): Promise<TestNamespace> {
    const name = `crewtab-test-${randomBytes(5).toString('hex')}`;
    const admin = await openClient(process.env.KUBECONFIG ?? '', name);
    await admin.json({ method: 'POST', path: '/api/v1/namespaces', body: { metadata: { name } } });
    const objects = loadAllYaml(await readFile(resolve(ROLE), 'utf8')) as { kind: string; subjects?: object[] }[];
    for (const object of objects) {
      const path = `/${PATHS[object.kind]?.replace('{}', name)}`;
      const subjects = object.subjects?.map((subject) => ({ ...subject, namespace: name }));
      await admin.json({ method: 'POST', path, body: { ...object, ...(subjects ? { subjects } : {}) } });
    }
    const folder = await mkdtemp(join(tmpdir(), 'crewtab-kubernetes-'));
    const kubeconfig = join(folder, 'worker.conf');
    await writeFile(kubeconfig, JSON.stringify(await workerConfig(admin, name)), { mode: 0o600 });
    return new TestNamespace(name, kubeconfig, admin, folder);
  }

  /** The cluster removes it in its own time. */
  async close(): Promise<void> {
    await this.admin.json({ method: 'DELETE', path: `/api/v1/namespaces/${this.name}` });
    this.admin.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function openClient(kubeconfig: string, namespace: string): Promise<ClusterClient> {
  const { limits } = settingsFrom({ kubeconfig, namespace });
  return new ClusterClient(await connect(kubeconfig, namespace), limits);
}

async function workerConfig(admin: ClusterClient, namespace: string): Promise<object> {
  const { status } = await admin.json<{ status: { token: string } }>({
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/serviceaccounts/${WORKER}/token`,
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 7_200 } },
  });
  const { ca } = await admin.connection.options('own');
  const authority = Buffer.from(ca as Buffer | string).toString('base64');
  const server = admin.connection.server.href;
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'worker',
    clusters: [{ name: 'c', cluster: { server, 'certificate-authority-data': authority } }],
    users: [{ name: WORKER, user: { token: status.token } }],
    contexts: [{ name: 'worker', context: { cluster: 'c', user: WORKER, namespace } }],
  };
}
