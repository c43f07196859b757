import type { Page, PageRequest } from '@crewtab/domain/ports/management-store';

/** Pages through items that stand oldest first, newest first. The cursor is the id of the last one that was given. */
export function pageOf<T extends { readonly id: string }>(oldestFirst: readonly T[], page: PageRequest): Page<T> {
  const all = [...oldestFirst].reverse();
  const start = page.cursor === null ? 0 : all.findIndex((item) => item.id === page.cursor) + 1;
  const items = all.slice(start, start + page.limit);
  const hasMore = start + page.limit < all.length;
  return { items, nextCursor: hasMore ? (items.at(-1)?.id ?? null) : null };
}
