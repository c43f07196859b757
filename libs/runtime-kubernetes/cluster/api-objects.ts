/*
 * What the API server is sent and answers, as far as this runtime looks at it. Written here, because the types of the client are those
 * of its own decoding (instants as Date), and a thousand files of them.
 */

export interface ObjectMeta {
  readonly name: string;
  readonly uid?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly resourceVersion?: string;
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly blockOwnerDeletion?: boolean;
}

export interface ClusterObject {
  readonly metadata: ObjectMeta;
}

export interface ConfigMap extends ClusterObject {
  readonly apiVersion: 'v1';
  readonly kind: 'ConfigMap';
  readonly immutable?: boolean;
  /** By name, in base64. */
  readonly binaryData?: Readonly<Record<string, string>>;
}

export interface NetworkPolicy extends ClusterObject {
  readonly apiVersion: 'networking.k8s.io/v1';
  readonly kind: 'NetworkPolicy';
  readonly spec: {
    readonly podSelector: object;
    readonly policyTypes: readonly ('Ingress' | 'Egress')[];
    /** What is let in and out. A type of `policyTypes` without a list here lets nothing through. */
    readonly ingress?: readonly object[];
    readonly egress?: readonly object[];
  };
}

export interface Pod extends ClusterObject {
  readonly apiVersion?: 'v1';
  readonly kind?: 'Pod';
  readonly spec: PodSpec;
  readonly status?: PodStatus;
}

export interface PodSpec {
  readonly nodeName?: string;
  readonly containers: readonly Container[];
  readonly [other: string]: unknown;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly [other: string]: unknown;
}

export interface PodStatus {
  readonly phase?: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
  readonly reason?: string;
  readonly message?: string;
  readonly podIP?: string;
  readonly conditions?: readonly PodCondition[];
  readonly containerStatuses?: readonly ContainerStatus[];
}

export interface PodCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface ContainerStatus {
  readonly name: string;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
}

export interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: { readonly startedAt?: string };
  readonly terminated?: Termination;
}

export interface Termination {
  readonly exitCode: number;
  readonly signal?: number;
  readonly reason?: string;
  readonly message?: string;
}

export interface ObjectList<T> {
  readonly items: readonly T[];
  readonly metadata: { readonly resourceVersion?: string };
}

/** What the API server answers instead of an object. */
export interface Status {
  readonly kind: 'Status';
  readonly status?: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] };
}
