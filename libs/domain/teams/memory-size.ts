/** Sizes of memory as Docker writes them: `512m`, `2g`, `1.5g`, `134217728`. Units are powers of 1024. */

const UNIT_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
};

const SIZE = /^(\d{1,15}(?:\.\d{1,6})?)\s?([kmgt]?)(?:i?b)?$/;

export type ParsedMemorySize =
  { readonly ok: true; readonly bytes: number } | { readonly ok: false; readonly message: string };

/**
 * Reads a size with the units `b`, `k`, `m`, `g`, `t` (any case; `kb`, `KiB` and so on mean the same), decimals
 * included; no unit means bytes. Fractions of a byte are dropped. Never throws; the message says what is wrong,
 * without the name of the field.
 */
export function parseMemorySize(text: string): ParsedMemorySize {
  const match = SIZE.exec(text.toLowerCase());
  if (!match) return refuse(text, 'is not a size');
  const bytes = Math.floor(Number(match[1]) * (UNIT_BYTES[match[2] ?? ''] ?? 1));
  if (!Number.isSafeInteger(bytes)) return refuse(text, 'is larger than any machine');
  return { ok: true, bytes };
}

/** Writes whole bytes in the largest unit that needs no decimals: `512m`, `2g`, `1000b`. Throws a RangeError for anything else. */
export function formatMemorySize(bytes: number): string {
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw new RangeError(`not a size in whole bytes: ${bytes}`);
  for (const unit of ['t', 'g', 'm', 'k']) {
    const size = UNIT_BYTES[unit] ?? 1;
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}b`;
}

function refuse(text: string, reason: string): ParsedMemorySize {
  const shown = text.length > 30 ? `${text.slice(0, 30)}…` : text;
  return { ok: false, message: `"${shown}" ${reason}; write it like 512m or 2g (units b, k, m, g, t)` };
}
