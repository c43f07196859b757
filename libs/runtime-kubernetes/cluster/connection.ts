import type { Agent, RequestOptions } from 'node:https';
import { readFile } from 'node:fs/promises';
import { AppError, errorMessage } from '@crewtab/domain/errors';

/** How the API server is reached, and who the worker is to it. */
export interface Connection {
  /** `https://host:port`, perhaps with a path. */
  readonly server: URL;
  readonly namespace: string;
  /**
   * Certificates and credentials of this moment: tokens are renewed by themselves.
   * @param use `kept`: a connection may serve many requests; `own`: it is made for one, which may break it
   */
  options(use: 'kept' | 'own'): Promise<RequestOptions>;
}

const OWN_NAMESPACE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/**
 * The client's package is loaded here and nowhere else: a worker whose teams run elsewhere has no need of it.
 * @param kubeconfig a file; null: the service account of the worker's own pod
 */
export async function connect(kubeconfig: string | null, namespace: string | null): Promise<Connection> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  try {
    if (kubeconfig === null) config.loadFromCluster();
    else config.loadFromFile(kubeconfig);
  } catch (error) {
    throw new AppError('engine_error', `the kubeconfig cannot be read: ${errorMessage(error)}`, { cause: error });
  }
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new AppError('engine_error', 'the kubeconfig names no cluster');
  let agent: Agent | null = null;
  let madeFor = '';
  return {
    server: new URL(cluster.server),
    namespace: namespace ?? config.getContextObject(config.getCurrentContext())?.namespace ?? (await ownNamespace()),
    options: async (use) => {
      const options: RequestOptions = {};
      await config.applyToHTTPSOptions(options);
      if (use === 'own') return options;
      // It makes an agent at each call: connections are kept for as long as who we are stays the same.
      const material = [options.ca, options.cert, options.key].map(String).join('\n');
      if (agent === null || material !== madeFor) {
        agent = options.agent as Agent;
        (agent as { keepAlive?: boolean }).keepAlive = true;
        madeFor = material;
      }
      return { ...options, agent };
    },
  };
}

async function ownNamespace(): Promise<string> {
  try {
    return (await readFile(OWN_NAMESPACE, 'utf8')).trim();
  } catch {
    return 'default';
  }
}
