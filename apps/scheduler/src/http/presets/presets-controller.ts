import { Controller, Inject, Req, Res } from '@nestjs/common';
import {
  listPresets,
  makePresetImage,
  streamPresetImage,
  type HostImageView,
  type PresetView,
} from '@crewtab/api-contract/preset-routes';
import type { HostImage } from '@crewtab/domain/ports/host-images';
import type { Preset } from '@crewtab/domain/teams/preset';
import type { Response } from 'express';
import { RequestLimits } from '../access/request-limits';
import { addressOf } from '../access/require-caller';
import { Route, type RouteAnswer, type RouteInput } from '../contract/route';
import { HTTP_DEPS, type HttpDeps } from '../http-deps';
import { found } from '../input/found';
import type { HttpRequest } from '../server/http-request';
import { RequestRefused } from '../server/problem';
import { PresetImageStreams } from './preset-image-streams';

@Controller()
export class PresetsController {
  constructor(
    @Inject(HTTP_DEPS) private readonly deps: Pick<HttpDeps, 'settings' | 'hostImages'>,
    private readonly streams: PresetImageStreams,
    private readonly limits: RequestLimits,
  ) {}

  @Route(listPresets)
  async list(): Promise<RouteAnswer<typeof listPresets>> {
    const images = await this.deps.hostImages.read();
    return {
      items: [...this.deps.settings.presets.values()].map((preset) =>
        toPresetView(
          preset,
          images.filter(({ image }) => image === preset.image),
        ),
      ),
    };
  }

  @Route(makePresetImage)
  async make({ params }: RouteInput<typeof makePresetImage>): Promise<RouteAnswer<typeof makePresetImage>> {
    const { name: preset, image } = this.presetOf(params.name);
    const hosts = await this.deps.hostImages.want(preset, image);
    if (hosts.length === 0) {
      const message =
        'no host is there that could make it: images are made by workers beside a Docker engine; start one';
      throw new RequestRefused('conflict', message);
    }
    return { preset, image, hosts: hosts.map(toHostImageView) };
  }

  @Route(streamPresetImage)
  async live(
    { caller, params }: RouteInput<typeof streamPresetImage>,
    @Req() request: HttpRequest,
    @Res() response: Response,
  ): Promise<void> {
    const { image } = this.presetOf(params.name);
    const end = this.limits.openStream(caller.keyId, addressOf(request));
    try {
      await this.streams.stream(image, response, toHostImageView);
    } finally {
      end();
    }
  }

  private presetOf(name: string): Preset {
    return found('preset', this.deps.settings.presets.get(name) ?? null);
  }
}

function toHostImageView({ host, image, state, progress, error, changedAt }: HostImage): HostImageView {
  return { host, image, state, progress, error, changedAt: changedAt.toISOString() };
}

function toPresetView(preset: Preset, images: readonly HostImage[]): PresetView {
  const { name, title, description, image, mode, baseUrl, instructions, usage } = preset;
  return {
    name,
    title,
    description,
    image,
    hostImages: images.map(toHostImageView),
    command: [...preset.command],
    mode,
    canAsk: preset.asking !== null,
    model: { ...preset.model, examples: [...preset.model.examples] },
    baseUrl,
    secrets: preset.secrets.map((group) => group.map((secret) => ({ ...secret, hosts: [...secret.hosts] }))),
    hosts: [...preset.hosts],
    instructions,
    usage: { hasTokens: usage.tokens !== null, hasCost: usage.cost !== null },
  };
}
