import type { ImageBuild, ImageSources } from '@crewtab/domain/ports/image-sources';
import type { FireStore } from '@crewtab/domain/ports/fire-store';
import type { Presets } from '@crewtab/presets/read-presets';

/** Where the images of agents come from. The store that keeps workers from building the same one twice is opened later. */
export class PresetImages implements ImageSources {
  /** Set before the worker takes work. */
  writers: Pick<FireStore, 'withSingleWriter'> | null = null;
  readonly pullPolicy: ImageSources['pullPolicy'];
  readonly credentials: ImageSources['credentials'];
  readonly keepFormerMs: ImageSources['keepFormerMs'];

  constructor(
    private readonly builds: Presets['builds'],
    { pullPolicy, credentials, keepFormerMs }: Pick<ImageSources, 'pullPolicy' | 'credentials' | 'keepFormerMs'>,
  ) {
    this.pullPolicy = pullPolicy;
    this.credentials = credentials;
    this.keepFormerMs = keepFormerMs;
  }

  readonly buildOf = (image: string): ImageBuild | null => this.builds.get(image) ?? null;

  withSingleWriter(name: string, work: () => Promise<void>): Promise<boolean> {
    if (this.writers === null) throw new Error('an image is to be built before the store is open');
    return this.writers.withSingleWriter(name, work);
  }
}
