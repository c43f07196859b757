/** What is made of a folder with a Dockerfile. */
export interface ImageBuild {
  readonly preset: string;
  /** What it is for, where it is no preset. */
  readonly purpose?: string;
  readonly image: string;
  readonly files: readonly { readonly path: string; readonly content: Uint8Array }[];
  readonly buildArgs: Readonly<Record<string, string>>;
}

/** Whether an image is pulled: where it is missing, before every run, or never. */
export const PULL_POLICIES = ['missing', 'always', 'never'] as const;
export type PullPolicy = (typeof PULL_POLICIES)[number];

export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
}

/** How images come to a host that does not have them. */
export interface ImageSources {
  /** Null: the image comes from a registry. */
  buildOf(image: string): ImageBuild | null;
  readonly pullPolicy: PullPolicy;
  /** By the registry's host, as images are named: `ghcr.io`, `docker.io`. */
  readonly credentials: Readonly<Record<string, RegistryCredentials>>;
  /** Images of presets that have another tag than now are removed when they are older, ms; null: never. */
  readonly keepFormerMs: number | null;
  /** Does the work unless another process does so under the same name right now: false then, and nothing was done. */
  withSingleWriter(name: string, work: () => Promise<void>): Promise<boolean>;
}
