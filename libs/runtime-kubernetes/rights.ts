import { AppError } from '@crewtab/domain/errors';
import type { ClusterClient } from './cluster/cluster-client';

interface Right {
  readonly verb: string;
  /** Of the API; none for its core. */
  readonly group?: string;
  readonly resource: string;
  readonly subresource?: string;
}

/** All that a worker asks of the namespace: deploy/kubernetes/worker-role.yaml gives it. */
export const NEEDED_RIGHTS: readonly Right[] = [
  ...['create', 'get', 'list', 'watch', 'delete'].map((verb) => ({ verb, resource: 'pods' })),
  // An `exec` over a WebSocket is a GET to versions before 1.35, and must be allowed as `create` from then on.
  ...['get', 'create'].map((verb) => ({ verb, resource: 'pods', subresource: 'exec' })),
  ...['create', 'get', 'list', 'delete'].map((verb) => ({ verb, resource: 'configmaps' })),
  ...['create', 'get', 'list', 'delete'].map((verb) => ({
    verb,
    group: 'networking.k8s.io',
    resource: 'networkpolicies',
  })),
];

interface AccessReview {
  readonly status?: { readonly allowed?: boolean };
}

/** Asks the cluster what this worker may do. @throws AppError that names all that is missing */
export async function checkRights(client: ClusterClient): Promise<void> {
  const { namespace } = client;
  const answers = await Promise.all(
    NEEDED_RIGHTS.map(async (right) => {
      const body = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: { namespace, ...right } },
      };
      const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
      const { status } = await client.json<AccessReview>({ method: 'POST', path, body });
      return status?.allowed === true ? [] : [wordsOf(right)];
    }),
  );
  const missing = answers.flat();
  if (missing.length === 0) return;
  throw new AppError(
    'engine_error',
    `the worker lacks rights in the namespace ${namespace}: ${missing.join(', ')}. docs/kubernetes.md has the role that it needs.`,
  );
}

function wordsOf({ verb, resource, subresource }: Right): string {
  return `${verb} ${subresource === undefined ? resource : `${resource}/${subresource}`}`;
}
