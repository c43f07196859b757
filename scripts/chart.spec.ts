import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadYaml } from '@kubernetes/client-node';
import Ajv from 'ajv';
import { listSettings, type ChartSchema } from '@crewtab/config/helm-settings';
import { checkPlainYaml, renderChart, whyNoRenderer, type Manifest } from '@test/kit/render-chart';

const project = join(__dirname, '..');
const CHART = join(project, 'deploy/helm/crewtab');
const read = (path: string): string => readFileSync(path, 'utf8');

describe("the schema of the chart's values", () => {
  const schema = JSON.parse(read(join(CHART, 'values.schema.json'))) as ChartSchema;
  const isTaken = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(schema);
  const defaults = loadYaml<object>(read(join(CHART, 'values.yaml')));
  const faultsOf = (values: object): string[] =>
    isTaken({ ...defaults, ...values }) ? [] : (isTaken.errors ?? []).map(({ instancePath }) => instancePath);

  it('takes the defaults, and the values of the plain YAML', () => {
    expect(faultsOf({})).toEqual([]);
    expect(faultsOf(loadYaml<object>(read(join(project, 'deploy/kubernetes/values.yaml'))))).toEqual([]);
  });

  it('knows every setting: npm run env:example lists them there', () => {
    const listed = structuredClone(schema);
    listSettings(listed);
    expect(schema).toEqual(listed);
  });

  it.each<[string, object]>([
    ['/settings', { settings: { LOG_LEVLE: 'debug' } }],
    ['/settings', { settings: { METRICS_KEY: 'in a ConfigMap that all may read' } }],
    ['/secret/values', { secret: { name: '', values: { LOG_LEVEL: 'info' } } }],
    ['/image/digest', { image: { repository: 'crewtab', digest: 'latest' } }],
    ['', { workers: {} }],
  ])('refuses at %j: %j', (path, values) => {
    expect(faultsOf(values)).toContain(path);
  });
});

const missing = whyNoRenderer();
const describeRendered = missing === null ? describe : describe.skip;

describeRendered(missing === null ? 'the chart' : `the chart (skipped: ${missing})`, () => {
  const SECRET = { secret: { name: 'given' } };
  const named = (objects: readonly Manifest[], kind: string, end = ''): Manifest => {
    const found = objects.find((one) => one.kind === kind && one.metadata.name.endsWith(end));
    if (!found) throw new Error(`there is no ${kind} of such a name`);
    return found;
  };

  it('is what deploy/kubernetes/crewtab.yaml was rendered from', () => {
    expect(checkPlainYaml()).toMatchObject({ status: 0, stderr: '' });
  });

  it('makes no secret where one is named, and one of its values otherwise', () => {
    expect(renderChart(SECRET).some(({ kind }) => kind === 'Secret')).toBe(false);
    const values = { DATABASE_URL: 'postgresql://a:b"c@d', REDIS_URL: 'redis://e', CREWTAB_ENCRYPTION_KEY: 'f' };
    expect(named(renderChart({ secret: { values } }), 'Secret')['stringData']).toEqual(values);
  });

  it('asks for what is needed where no secret is named', () => {
    expect(() => renderChart({})).toThrow('name a Secret in secret.name, or give secret.values.DATABASE_URL');
  });

  it('gives both processes the same settings, as text', () => {
    const objects = renderChart({ ...SECRET, settings: { NETWORK_OPEN_ALLOWED: true, RUN_MESSAGE_LIMIT: 10_000_000 } });
    expect(named(objects, 'ConfigMap')['data']).toEqual({
      CREWTAB_RUNTIME: 'kubernetes',
      KUBERNETES_NAMESPACE: 'crewtab-teams',
      HOST: '0.0.0.0',
      LOG_LEVEL: 'info',
      NETWORK_OPEN_ALLOWED: 'true',
      RUN_MESSAGE_LIMIT: '10000000',
    });
    for (const component of ['-scheduler', '-worker']) {
      const text = JSON.stringify(named(objects, 'Deployment', component));
      expect(text).toContain('{"configMapRef":{"name":"crewtab"}},{"secretRef":{"name":"given"}}');
    }
  });

  it('replaces its pods when settings change, and only then', () => {
    const template = (values: object): string => JSON.stringify(named(renderChart(values), 'Deployment', '-worker'));
    expect(template({ ...SECRET, scheduler: { replicas: 5 } })).toBe(template(SECRET));
    expect(template({ ...SECRET, settings: { LOG_LEVEL: 'debug' } })).not.toBe(template(SECRET));
  });

  it('confines its own pods as the policy "restricted" asks', () => {
    for (const component of ['-scheduler', '-worker']) {
      const text = JSON.stringify(named(renderChart(SECRET), 'Deployment', component));
      for (const words of [
        '"runAsNonRoot":true',
        '"seccompProfile":{"type":"RuntimeDefault"}',
        '"allowPrivilegeEscalation":false',
        '"readOnlyRootFilesystem":true',
        '"capabilities":{"drop":["ALL"]}',
      ])
        expect(text).toContain(words);
    }
  });

  it.each([
    ['hpa', '1.22.0', 'HorizontalPodAutoscaler', 'autoscaling/v2beta2'],
    ['hpa', '1.29.0', 'HorizontalPodAutoscaler', 'autoscaling/v2'],
    ['keda', '1.29.0', 'ScaledObject', 'keda.sh/v1alpha1'],
  ])('scales workers by %s on %s', (kind, kube, scaler, apiVersion) => {
    const objects = renderChart({ ...SECRET, worker: { autoscaling: { kind } } }, { kube });
    const made = named(objects, scaler);
    expect(made.apiVersion).toBe(apiVersion);
    // 80 % of ten runs.
    expect(JSON.stringify(made)).toContain('"8"');
    // What scales sets the number, which an upgrade must not set back.
    expect(named(objects, 'Deployment', '-worker')['spec']).not.toHaveProperty('replicas');
  });

  it.each([
    ['1.20.2', 'policy/v1beta1'],
    ['1.21.0', 'policy/v1'],
  ])('has budgets for disruptions that %s knows', (kube, version) => {
    const budgets = renderChart(SECRET, { kube }).filter(({ kind }) => kind === 'PodDisruptionBudget');
    expect(budgets.map(({ apiVersion }) => apiVersion)).toEqual([version, version]);
  });

  it('takes what an installation adds', () => {
    const objects = renderChart({
      ...SECRET,
      image: { repository: 'registry.example.com/crewtab', digest: `sha256:${'0'.repeat(64)}` },
      imagePullSecrets: [{ name: 'login' }],
      teams: { namespace: 'agents', createNamespace: false, finalizers: true },
      volumes: [{ name: 'artifacts', persistentVolumeClaim: { claimName: 'artifacts' } }],
      volumeMounts: [{ name: 'artifacts', mountPath: '/var/lib/crewtab-artifacts' }],
      scheduler: { ingress: { enabled: true, host: 'c.example.com', tlsSecret: 'tls', className: 'nginx' } },
      worker: { metricsPort: 9464, nodeSelector: { pool: 'crewtab' }, tolerations: [{ operator: 'Exists' }] },
      networkPolicy: { egress: [{ ports: [{ port: 5432 }] }], metricsFrom: [{ podSelector: {} }] },
    });
    expect(objects.some(({ kind }) => kind === 'Namespace')).toBe(false);
    expect(named(objects, 'Role').metadata.namespace).toBe('agents');
    expect(JSON.stringify(named(objects, 'Role'))).toContain('configmaps/finalizers');
    const worker = JSON.stringify(named(objects, 'Deployment', '-worker'));
    for (const words of [
      `"image":"registry.example.com/crewtab@sha256:${'0'.repeat(64)}"`,
      '"nodeSelector":{"pool":"crewtab"}',
      '"tolerations":[{"operator":"Exists"}]',
      '"name":"WORKER_METRICS_PORT","value":"9464"',
      '"mountPath":"/var/lib/crewtab-artifacts"',
    ])
      expect(worker).toContain(words);
    expect(JSON.stringify(named(objects, 'Ingress'))).toContain('"secretName":"tls"');
    expect(named(objects, 'NetworkPolicy', '-worker')['spec']).toMatchObject({
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ ports: [{ port: 'metrics' }], from: [{ podSelector: {} }] }],
      egress: [{ ports: [{ port: 5432 }] }],
    });
  });

  it('has no policies where they are not wanted', () => {
    const objects = renderChart({ ...SECRET, networkPolicy: { enabled: false } });
    expect(objects.some(({ kind }) => kind === 'NetworkPolicy')).toBe(false);
  });
});
