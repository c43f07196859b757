import { useQuery, keepPreviousData } from '@tanstack/react-query';
import { api } from '../../api/client';
import { Panel } from '../../parts/panel';
import { Instant } from '../../time/instant';
import type { Draft } from './draft';
import { faultsOf, useSettled } from './use-forecast';
import { readVariables } from './variables';

/** What the next run would be told, as the person types; the faults of the template by their fields. */
export function usePreview(draft: Draft, scheduleId: string | undefined) {
  const { name, prompt, promptFormat, variables, cron, timezone } = draft;
  const now = JSON.stringify({ prompt, promptFormat, variables, ...(!scheduleId && { name, cron, timezone }) });
  const asked = useSettled(now);
  const { data, error, isPlaceholderData } = useQuery({
    queryKey: ['render', scheduleId, asked],
    queryFn: ({ signal }) => {
      const body = JSON.parse(asked) as Draft;
      const source = { ...body, variables: readVariables(body.variables) };
      if (scheduleId !== undefined)
        return api.request('POST /schedules/:id/render', { params: { id: scheduleId }, body: source, signal });
      const { name: given, ...rest } = source;
      return api.request('POST /render', { body: { ...rest, ...(given.trim() !== '' && { name: given }) }, signal });
    },
    enabled: prompt.trim() !== '',
    placeholderData: keepPreviousData,
    retry: false,
  });
  const { prompt: promptFault, variables: variablesFault } = faultsOf(error);
  return {
    preview: error || prompt.trim() === '' ? undefined : data,
    faults: { ...(promptFault && { prompt: promptFault }), ...(variablesFault && { variables: variablesFault }) },
    isCurrent: asked === now && !isPlaceholderData,
  };
}

type Preview = NonNullable<ReturnType<typeof usePreview>['preview']>;

export function PromptPreview({ preview }: { readonly preview: Preview }) {
  return (
    <Panel title="What the next run is told">
      <p className="px-4 pt-3 text-soft">
        About <Instant at={preview.window.start} /> to <Instant at={preview.window.end} />
      </p>
      <pre
        dir="auto"
        className="max-h-80 overflow-auto px-4 py-3 font-mono text-xs leading-5 [overflow-wrap:anywhere] whitespace-pre-wrap"
      >
        {preview.prompt}
      </pre>
    </Panel>
  );
}
