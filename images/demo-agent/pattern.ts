/** Bytes of one entry of the pattern: seven digits and a comma. */
const ENTRY_BYTES = 8;

/**
 * ASCII text of exactly `bytes` bytes that shows every lost, doubled or moved piece: `0000000,0000001,…`.
 */
export function patternText(bytes: number): string {
  const entries: string[] = [];
  for (let index = 0; index * ENTRY_BYTES < bytes; index++)
    entries.push(`${String(index).padStart(ENTRY_BYTES - 1, '0')},`);
  return entries.join('').slice(0, bytes);
}

/** `8MB`, `64KB`, `100B` or `100`, in bytes (1 KB = 1,024 bytes). */
export function parseBytes(text: string): number {
  const match = /^(\d+)\s?(B|KB|MB)?$/i.exec(text);
  if (!match) throw new Error(`not a size: ${text}`);
  const units: Record<string, number> = { B: 1, KB: 1024, MB: 1024 * 1024 };
  return Number(match[1]) * (units[(match[2] ?? 'B').toUpperCase()] ?? 1);
}

/** `2s`, `250ms` or `1m`, in ms. */
export function parseMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text);
  if (!match) throw new Error(`not a duration: ${text}`);
  const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000 };
  return Number(match[1]) * (units[match[2] ?? 's'] ?? 1);
}
