import type { Failure } from '../errors';
import type { DeployOptions } from './runtime';

/**
 * - `absent`: the next run there has to wait for it. A request makes it `wanted`.
 * - `wanted`: a person asked for it; a worker of the host takes it up within seconds.
 * - `making`: a worker builds or pulls it, and tells how far it is. Another one takes it up when that worker falls silent.
 * - `present`: seen on the engine.
 * - `failed`: it could not be made, twice. A request tries again.
 */
export const HOST_IMAGE_STATES = ['absent', 'wanted', 'making', 'present', 'failed'] as const;
export type HostImageState = (typeof HOST_IMAGE_STATES)[number];

/** The image of a preset, and one host. */
export interface HostImage {
  readonly host: string;
  readonly preset: string;
  readonly image: string;
  readonly state: HostImageState;
  /** The last that its maker said; null before, and afterwards. */
  readonly progress: string | null;
  /** Only of `failed`. */
  readonly error: Failure | null;
  readonly changedAt: Date;
}

/** How long a maker may say nothing before another worker of its host takes over, ms. */
export const SILENT_MAKER_MS = 30_000;

/**
 * Which images of presets the hosts have, and which they are asked to make. Schedulers ask, workers of the host make. Each
 * method is one transaction and throws `AppError('store_unreachable', retryable)` when the database did not answer;
 * repeating a call is always safe.
 */
export interface HostImageStore {
  /** What a worker has seen on its engine. What is wanted or under way stays so until its maker tells its end. */
  noteImages(host: string, seen: readonly SeenImage[]): Promise<void>;

  /**
   * Every host that is there and makes images is to have it. Where it is present, wanted or under way, nothing changes.
   * @returns what is so now of these hosts; none: there is no such host
   */
  want(preset: string, image: string): Promise<readonly HostImage[]>;

  /** Takes up one that is wanted of the host, or whose maker has fallen silent; null: there is none. */
  take(host: string, worker: string): Promise<Pick<HostImage, 'preset' | 'image'> | null>;

  /**
   * Tells how far it is, and that its maker is alive.
   * @returns false where another worker has taken it up meanwhile
   */
  noteProgress(made: MadeImage, progress: string): Promise<boolean>;

  /** It is there, or could not be made. Changes nothing where another worker has taken it up meanwhile. */
  end(made: MadeImage, failure: Failure | null): Promise<void>;

  /** Of the hosts that are there, by host and preset. */
  read(): Promise<readonly HostImage[]>;
}

export interface SeenImage {
  readonly preset: string;
  readonly image: string;
  readonly isPresent: boolean;
}

export interface MadeImage {
  readonly host: string;
  readonly image: string;
  readonly worker: string;
}

/** The images of a host's engine. */
export interface ImageEngine {
  has(image: string): Promise<boolean>;
  /** Builds or pulls it where it is absent. Repeating it is harmless. Throws as `Runtime.prepare` does. */
  ensure(image: string, options: Pick<DeployOptions, 'signal' | 'onProgress'>): Promise<void>;
}
