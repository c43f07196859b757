import { Controller, Inject } from '@nestjs/common';
import { listPresets, type PresetView } from '@crewtab/api-contract/preset-routes';
import type { Preset } from '@crewtab/domain/teams/preset';
import { Route, type RouteAnswer } from '../contract/route';
import { HTTP_DEPS, type HttpDeps } from '../http-deps';

@Controller()
export class PresetsController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: Pick<HttpDeps, 'settings'>) {}

  @Route(listPresets)
  list(): RouteAnswer<typeof listPresets> {
    return { items: [...this.deps.settings.presets.values()].map(toPresetView) };
  }
}

function toPresetView(preset: Preset): PresetView {
  const { name, title, description, image, mode, baseUrl, instructions, usage } = preset;
  return {
    name,
    title,
    description,
    image,
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
