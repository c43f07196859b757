import type { AnswerOf, Routes } from '@crewtab/api-client/route-types';

type LedgerPage = AnswerOf<Routes['GET /schedules/:id/ledger']>;
export type LedgerEntry = LedgerPage['items'][number];
export type Pause = LedgerPage['pauses'][number];

export type LedgerRow =
  | { readonly key: string; readonly entry: LedgerEntry; readonly pause?: undefined }
  | { readonly key: string; readonly pause: Pause };

/** Instants and pauses in one list, newest first; a pause that several pages know stands there once, where it began. */
export function mergeLedger(pages: readonly LedgerPage[]): LedgerRow[] {
  const pauses = new Map(pages.flatMap((page) => page.pauses.map((pause) => [pause.from, pause] as const)));
  const rows: (LedgerRow & { readonly at: string })[] = [
    ...pages.flatMap(({ items }) => items.map((entry) => ({ key: entry.run.id, at: entry.at, entry }))),
    ...[...pauses.values()].map((pause) => ({ key: pause.from, at: pause.from, pause })),
  ];
  return rows.sort((one, other) => (one.at < other.at ? 1 : -1)).map(({ at: _, ...row }) => row);
}
