import type { OnModuleDestroy } from '@nestjs/common';
import type { HostImage } from '@crewtab/domain/ports/host-images';
import type { Response } from 'express';
import type { HostImageView } from '@crewtab/api-contract/preset-routes';
import type { HttpDeps } from '../http-deps';
import { ChangeHub } from '../streams/change-hub';
import { LiveStreams, type News } from '../streams/live-streams';
import type { SseWriter } from '../streams/sse-writer';

/** Between two looks, ms: makers tell their progress less often. */
const LOOK_EVERY_MS = 1_000;

/** Live views of how far the image of a preset is on each host. Builds are rare, so each view looks by itself. */
export class PresetImageStreams implements OnModuleDestroy {
  private readonly streams: LiveStreams<string>;

  constructor(private readonly deps: Pick<HttpDeps, 'hostImages' | 'clock' | 'logger'>) {
    this.streams = new LiveStreams(deps, new ChangeHub(() => Promise.resolve({ close: () => undefined })));
  }

  stream(image: string, response: Response, toView: (one: HostImage) => HostImageView): Promise<void> {
    return this.streams.serve(response, { key: image, about: { image } }, async (writer, news) => {
      const told = new Map<string, string>();
      for (;;) {
        news.take();
        const present = (await this.deps.hostImages.read()).filter((one) => one.image === image);
        for (const one of present) await tellNew(toView(one), told, writer);
        if (writer.isClosed) return;
        if (!present.some(({ state }) => state === 'wanted' || state === 'making')) break;
        await this.pause(news);
      }
      const at = this.deps.clock.now().toISOString();
      await writer.send('end', at, { at });
    });
  }

  onModuleDestroy(): Promise<void> {
    return this.streams.close();
  }

  private async pause(news: News): Promise<void> {
    const cancel = this.deps.clock.after(LOOK_EVERY_MS, () => news.lookAgain());
    await news.wait();
    cancel();
  }
}

/** A heartbeat of the maker changes the instant alone, and is no news. */
async function tellNew(view: HostImageView, told: Map<string, string>, writer: SseWriter): Promise<void> {
  const { changedAt, ...rest } = view;
  const words = JSON.stringify(rest);
  if (told.get(view.host) === words) return;
  told.set(view.host, words);
  await writer.send('image', changedAt, view);
}
