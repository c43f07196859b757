import { useQuery } from '@tanstack/react-query';
import { Hammer } from 'lucide-react';
import { api, type Preset } from '../../api/client';
import { forgetPresets, presetsQuery } from '../../api/queries';
import { ActionButton } from '../../parts/action-button';

const LOOK_EVERY_MS = 2_000;

/** Whether the hosts have the image of a preset, and what makes it before a run has to wait for it. */
export function PresetImage({ preset: { name, hostImages } }: { readonly preset: Preset }) {
  const isUnderWay = hostImages.some(({ state }) => state === 'wanted' || state === 'making');
  useQuery({ ...presetsQuery, refetchInterval: isUnderWay ? LOOK_EVERY_MS : false });
  if (hostImages.length === 0) return null;
  const present = hostImages.filter(({ state }) => state === 'present').length;
  const failed = hostImages.find(({ state }) => state === 'failed');
  const progress = hostImages.find(({ state }) => state === 'making')?.progress;
  return (
    <div
      className="flex min-w-0 flex-wrap items-center gap-x-3 gap-y-1 text-xs text-soft rail:col-span-3"
      aria-live="polite"
    >
      <span>{describe(present, hostImages.length)}</span>
      {isUnderWay && <span className="min-w-0 truncate font-mono">{progress || 'it is being made …'}</span>}
      {present < hostImages.length && !isUnderWay && (
        <ActionButton
          icon={<Hammer className="size-4" aria-hidden />}
          act={() => api.request('POST /presets/:name/image', { params: { name } }).then(forgetPresets)}
        >
          Make it now
        </ActionButton>
      )}
      {failed?.error && (
        <details className="min-w-0 basis-full">
          <summary className="cursor-pointer text-failed">It could not be made the last time</summary>
          <pre className="mt-1 max-h-48 overflow-auto whitespace-pre-wrap break-words">{failed.error.message}</pre>
        </details>
      )}
    </div>
  );
}

function describe(present: number, hosts: number): string {
  if (present === hosts) return hosts === 1 ? 'Its image is there.' : `All ${hosts} hosts have its image.`;
  const who = hosts === 1 ? 'The host does' : `${hosts - present} of ${hosts} hosts do`;
  return `${who} not have its image yet: the first run there waits until it is made.`;
}
