export const GROUPINGS = ['schedule', 'team', 'model'] as const;
export type Grouping = (typeof GROUPINGS)[number];
export const USAGE_SPANS = [7, 30, 90] as const;
export type UsageSpan = (typeof USAGE_SPANS)[number];
export const MEASURES = ['cost', 'tokens'] as const;
export type Measure = (typeof MEASURES)[number];

/** What the page shows; each field stands in the address. */
export interface UsageSearch {
  readonly by?: Grouping;
  readonly days?: UsageSpan;
  readonly show?: Measure;
}

export function readUsage(search: Readonly<Record<string, unknown>>): UsageSearch {
  const by = GROUPINGS.find((one) => one === search['by']);
  const days = USAGE_SPANS.find((one) => one === search['days']);
  const show = MEASURES.find((one) => one === search['show']);
  return { ...(by && { by }), ...(days && { days }), ...(show && { show }) };
}
