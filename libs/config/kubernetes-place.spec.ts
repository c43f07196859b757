import { KUBERNETES_SETTING_NAMES, kubernetesPlaceOf } from './kubernetes-place';
import { readSettings } from './read-settings';

const read = (environment: Record<string, string>) =>
  kubernetesPlaceOf(readSettings(environment, KUBERNETES_SETTING_NAMES));

describe('where the pods of teams are made', () => {
  it('is left to the cluster unless something is said', () => {
    expect(read({})).toEqual({
      kubeconfig: null,
      namespace: null,
      isUnenforcedNetworkAllowed: false,
      placement: {
        imagePullSecrets: [],
        runtimeClassName: null,
        nodeSelector: {},
        tolerations: [],
        keeperImage: null,
        template: null,
      },
    });
  });

  it('is what the settings say', () => {
    const { placement } = read({
      KUBERNETES_IMAGE_PULL_SECRETS: 'one, two',
      KUBERNETES_NODE_SELECTOR: 'pool=agents,example.com/gpu=',
      KUBERNETES_TOLERATIONS: '[{"key":"agents","operator":"Exists"}]',
      KUBERNETES_POD_TEMPLATE: '{"metadata":{"labels":{"team":"a"}},"spec":{"priorityClassName":"batch"}}',
    });
    expect(placement).toMatchObject({
      imagePullSecrets: ['one', 'two'],
      nodeSelector: { pool: 'agents', 'example.com/gpu': '' },
      tolerations: [{ key: 'agents', operator: 'Exists' }],
      template: { metadata: { labels: { team: 'a' }, annotations: {} }, spec: { priorityClassName: 'batch' } },
    });
  });

  it.each([
    ['KUBERNETES_POD_TEMPLATE', '{"spec":{"serviceAccountName":"admin"}}', 'serviceAccountName'],
    ['KUBERNETES_POD_TEMPLATE', '{"spec":{"hostNetwork":true,"volumes":[]}}', 'hostNetwork'],
    ['KUBERNETES_POD_TEMPLATE', '{"metadata":{"labels":{"crewtab.run":"x"}}}', 'metadata.labels'],
    ['KUBERNETES_POD_TEMPLATE', 'labels', 'as JSON'],
    ['KUBERNETES_TOLERATIONS', '[{"operator":"Always"}]', 'tolerations'],
    ['KUBERNETES_NAMESPACE', 'Teams', 'namespace'],
    ['KUBERNETES_NODE_SELECTOR', 'a b=c', 'labels'],
    ['KUBERNETES_IMAGE_PULL_SECRETS', 'A', 'secrets'],
    ['KUBECONFIG', '/a:/b', 'one file'],
  ])('is refused in %s: %s', (name, value, words) => {
    expect(() => read({ [name]: value })).toThrow(words);
  });
});
