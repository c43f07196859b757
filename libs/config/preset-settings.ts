import { resolve } from 'node:path';
import type { SettingValues } from './read-settings';

/** Schedulers check teams by them, and workers start agents by them. */
export const PRESET_SETTINGS = ['CREWTAB_PRESETS', 'PRESET_IMAGES', 'PRESET_BUILD_ARGS'] as const;

export interface PresetSettings {
  /** With presets of the operator's own; null: none. */
  readonly folder: string | null;
  /** By preset. */
  readonly images: Readonly<Record<string, string>>;
  readonly buildArgs: Readonly<Record<string, string>>;
}

export function presetSettingsOf(values: SettingValues<(typeof PRESET_SETTINGS)[number]>): PresetSettings {
  return {
    folder: values.CREWTAB_PRESETS === null ? null : resolve(values.CREWTAB_PRESETS),
    images: values.PRESET_IMAGES ?? {},
    buildArgs: values.PRESET_BUILD_ARGS ?? {},
  };
}
