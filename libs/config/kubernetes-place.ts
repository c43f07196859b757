import type { z } from 'zod';
import { KUBERNETES_SETTINGS, type PodTemplate, type toleration } from './kubernetes-settings';
import type { SettingValues } from './read-settings';

/** Where and how the pods of teams are made. */
export interface KubernetesPlace {
  readonly kubeconfig: string | null;
  readonly namespace: string | null;
  readonly isUnenforcedNetworkAllowed: boolean;
  readonly placement: {
    readonly imagePullSecrets: readonly string[];
    readonly runtimeClassName: string | null;
    readonly nodeSelector: Readonly<Record<string, string>>;
    readonly tolerations: readonly z.output<typeof toleration>[];
    readonly keeperImage: string | null;
    readonly template: PodTemplate | null;
  };
}

export const KUBERNETES_SETTING_NAMES = Object.keys(KUBERNETES_SETTINGS) as (keyof typeof KUBERNETES_SETTINGS)[];

export function kubernetesPlaceOf(values: SettingValues<keyof typeof KUBERNETES_SETTINGS>): KubernetesPlace {
  return {
    kubeconfig: values.KUBECONFIG,
    namespace: values.KUBERNETES_NAMESPACE,
    isUnenforcedNetworkAllowed: values.KUBERNETES_UNENFORCED_NETWORK_ALLOWED,
    placement: {
      imagePullSecrets: values.KUBERNETES_IMAGE_PULL_SECRETS ?? [],
      runtimeClassName: values.KUBERNETES_RUNTIME_CLASS,
      nodeSelector: values.KUBERNETES_NODE_SELECTOR ?? {},
      tolerations: values.KUBERNETES_TOLERATIONS ?? [],
      keeperImage: values.KUBERNETES_KEEPER_IMAGE,
      template: values.KUBERNETES_POD_TEMPLATE,
    },
  };
}
