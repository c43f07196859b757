import { z } from 'zod';
import { optional, withDefault } from './setting';
import { assignments, flag, jsonList, jsonObject, matching, names } from './values';

const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const LABEL = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

export const toleration = z.strictObject({
  key: z.string().optional(),
  operator: z.enum(['Equal', 'Exists']).optional(),
  value: z.string().optional(),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional(),
  tolerationSeconds: z.int().optional(),
});

/** Of ours, which no template may set. */
const OURS = /^crewtab[./]/;
const others = z
  .record(z.string(), z.string())
  .refine((pairs) => !Object.keys(pairs).some((key) => OURS.test(key)), 'names that begin with crewtab are taken')
  .default({});
const anything = z.unknown();

/** What an operator may add to teams' pods. Whatever else a pod has keeps a promise of Crewtab, or could break one. */
const podTemplate = z.strictObject({
  metadata: z.strictObject({ labels: others, annotations: others }).prefault({}),
  spec: z
    .strictObject({
      affinity: anything.optional(),
      topologySpreadConstraints: z.array(anything).optional(),
      priorityClassName: z.string().optional(),
      schedulerName: z.string().optional(),
      dnsPolicy: z.string().optional(),
      dnsConfig: anything.optional(),
      hostAliases: z.array(anything).optional(),
    })
    .prefault({}),
});
export type PodTemplate = z.output<typeof podTemplate>;

/** Of the runtime `kubernetes`, in the order of .env.example. */
export const KUBERNETES_SETTINGS = {
  KUBECONFIG: optional(
    {
      description:
        'The file that says how the cluster is reached (runtime kubernetes), as kubectl has it. Not set: the service account of the pod that the ' +
        'worker runs in.',
      example: '/etc/crewtab/kubeconfig',
    },
    matching(/^[^\0:]{1,4096}$/, 'must be the path of one file'),
  ),
  KUBERNETES_NAMESPACE: optional(
    {
      description:
        "The namespace that teams' pods are made in. A namespace is one host: all workers that name it share its runs. Not set: that of KUBECONFIG, " +
        "or of the worker's own pod.",
      example: 'crewtab-teams',
    },
    matching(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be the name of a namespace'),
  ),
  KUBERNETES_IMAGE_PULL_SECRETS: optional(
    {
      description: 'Secrets of the namespace with the credentials of registries, separated by commas.',
      example: 'registry-login',
    },
    names(NAME, 'a list of names of secrets'),
  ),
  KUBERNETES_RUNTIME_CLASS: optional(
    {
      description:
        "The runtime class of teams' pods, such as that of gVisor or Kata Containers. Not set: the cluster's own. Danger: none was tried with Crewtab.",
      example: 'gvisor',
    },
    matching(NAME, 'must be the name of a runtime class'),
  ),
  KUBERNETES_NODE_SELECTOR: optional(
    {
      description:
        "Labels that nodes of teams' pods must have, as name=value separated by commas. kubernetes.io/arch is that of the worker unless it is named here.",
      example: 'pool=agents',
    },
    assignments(LABEL, 'labels as name=value'),
  ),
  KUBERNETES_TOLERATIONS: optional(
    {
      description: "Taints of nodes that teams' pods tolerate, as a JSON list in the form of a pod's own.",
      example: '[{"key":"agents","operator":"Exists","effect":"NoSchedule"}]',
    },
    jsonList(toleration, 'must be a JSON list of tolerations as a pod has them'),
  ),
  KUBERNETES_POD_TEMPLATE: optional(
    {
      description:
        "What every team's pod has beside what Crewtab gives it, as JSON: metadata (labels, annotations) and of spec affinity, topologySpreadConstraints, " +
        'priorityClassName, schedulerName, dnsPolicy, dnsConfig and hostAliases. Anything else is refused.',
      example: '{"metadata":{"labels":{"team":"agents"}},"spec":{"priorityClassName":"batch"}}',
    },
    jsonObject(podTemplate, 'a part of a pod'),
  ),
  KUBERNETES_UNENFORCED_NETWORK_ALLOWED: withDefault(
    {
      description:
        'Whether teams with the network mode `allowlist` may run on a cluster that is not known to enforce network policies; without it such runs ' +
        'end as `network_not_enforced` there. Danger: their agents find the proxy of the listed hosts, and may pass it by and reach whatever any pod ' +
        'reaches. With it nothing is tested.',
    },
    'false',
    flag(),
  ),
  KUBERNETES_KEEPER_IMAGE: optional(
    {
      description:
        "The image of the keeper, the container of each pod by which Crewtab works in it: any image will do, since its program is put into it. Not set: that of the team's first agent.",
      example: 'registry.k8s.io/pause:3.9',
    },
    matching(/^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,999}$/, 'must be an image'),
  ),
} as const;
