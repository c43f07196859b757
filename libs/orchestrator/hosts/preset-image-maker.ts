import { AppError, errorMessage, toFailure } from '@crewtab/domain/errors';
import type { Clock } from '@crewtab/domain/ports/clock';
import type { HostImageStore, ImageEngine, MadeImage } from '@crewtab/domain/ports/host-images';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { WorkerIdentity } from '@crewtab/domain/ports/run-store';
import type { Preset } from '@crewtab/domain/teams/preset';
import { Loop } from '../timing';

/** Between two questions whether an image is wanted, ms. */
const ASK_EVERY_MS = 2_000;
/** Between two looks at what the engine has, ms. */
const LOOK_EVERY_MS = 30_000;
/** Between two signs that the maker is alive, and two tellings of its progress at most, ms. */
const TELL_EVERY_MS = 5_000;

interface MakerDeps {
  readonly store: HostImageStore;
  readonly engine: ImageEngine;
  readonly presets: ReadonlyMap<string, Pick<Preset, 'image'>>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Tells which images of presets a worker's host has, and makes those that are wanted before a run needs them, one at a
 * time. A worker that dies in the middle leaves the image to another one of its host, and the layers to the engine.
 */
export class PresetImageMaker {
  private readonly loop: Loop;
  private readonly abort = new AbortController();
  private making: Promise<void> | null = null;
  private lookedAtMs = -Infinity;

  constructor(
    private readonly deps: MakerDeps,
    private readonly worker: Pick<WorkerIdentity, 'host' | 'workerId'>,
  ) {
    this.loop = new Loop({
      clock: deps.clock,
      everyMs: ASK_EVERY_MS,
      work: () => this.iterate(),
      onOverdue: (afterMs) => deps.logger.warn({ afterMs }, 'looking for images does not come back; beginning again'),
    });
  }

  start(): void {
    this.loop.start();
  }

  /** Leaves what is under way to another worker. */
  async stop(): Promise<void> {
    this.abort.abort();
    await this.loop.stop();
    await this.making;
  }

  private async iterate(): Promise<void> {
    const { clock, logger } = this.deps;
    try {
      if (clock.monotonicMs() - this.lookedAtMs >= LOOK_EVERY_MS) await this.look();
      if (this.making === null) await this.takeUp();
    } catch (error) {
      logger.warn({ error: errorMessage(error) }, 'could not look for images of presets; trying again');
    }
  }

  private async look(): Promise<void> {
    const { store, engine, presets, clock } = this.deps;
    const seen = await Promise.all(
      [...presets].map(async ([preset, { image }]) => ({ preset, image, isPresent: await engine.has(image) })),
    );
    await store.noteImages(this.worker.host, seen);
    this.lookedAtMs = clock.monotonicMs();
  }

  private async takeUp(): Promise<void> {
    const { host, workerId } = this.worker;
    const taken = await this.deps.store.take(host, workerId);
    if (!taken) return;
    const made = { host, image: taken.image, worker: workerId };
    this.making = this.make(taken.preset, made).finally(() => (this.making = null));
  }

  private async make(preset: string, made: MadeImage): Promise<void> {
    const { store, engine, logger } = this.deps;
    const { image } = made;
    logger.info({ preset, image }, 'makes the image of a preset before a run needs it');
    const teller = new ProgressTeller(this.deps, made, this.abort.signal);
    try {
      this.refuseUnknown(preset, image);
      await engine.ensure(image, { signal: teller.signal, onProgress: (text) => teller.note(text) });
      await teller.stop();
      await store.end(made, null);
      logger.info({ preset, image }, 'made the image of a preset');
    } catch (error) {
      await teller.stop();
      if (teller.signal.aborted) return;
      logger.warn({ preset, image, error: errorMessage(error) }, 'could not make the image of a preset');
      await store
        .end(made, toFailure(error, 'image_build_failed'))
        .catch((lost: unknown) =>
          logger.warn({ error: errorMessage(lost) }, 'could not tell; another worker tries again'),
        );
    }
  }

  /** During an upgrade the worker's preset may be another one than the scheduler's that asked. */
  private refuseUnknown(preset: string, image: string): void {
    const own = this.deps.presets.get(preset)?.image;
    if (own === image) return;
    const has = own === undefined ? 'does not know the preset' : `has ${own} for it`;
    throw new AppError(
      'preset_unusable',
      `a worker of this host ${has}: give schedulers and workers the same version and presets, and ask again`,
    );
  }
}

/** Tells the store every few seconds how far an image is, which is its maker's heartbeat too. */
class ProgressTeller {
  private readonly lost = new AbortController();
  readonly signal: AbortSignal;
  private last = '';
  private readonly loop: Loop;

  constructor(
    private readonly deps: Pick<MakerDeps, 'store' | 'clock' | 'logger'>,
    private readonly made: MadeImage,
    signal: AbortSignal,
  ) {
    this.signal = AbortSignal.any([signal, this.lost.signal]);
    const { clock, logger } = deps;
    this.loop = new Loop({
      clock,
      everyMs: TELL_EVERY_MS,
      work: () => this.tell(),
      onOverdue: (afterMs) => logger.warn({ afterMs }, 'telling the progress of an image does not come back'),
    });
    this.loop.start();
  }

  note(text: string): void {
    this.last = text;
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  private async tell(): Promise<void> {
    try {
      if (!(await this.deps.store.noteProgress(this.made, this.last))) this.lost.abort();
    } catch (error) {
      this.deps.logger.warn({ error: errorMessage(error) }, 'could not tell the progress of an image; trying again');
    }
  }
}
