/** Delay before attempt number `failures + 1`, doubling from `firstMs` to at most `capMs`. */
export function backoffMs(failures: number, firstMs: number, capMs: number): number {
  return Math.min(capMs, firstMs * 2 ** Math.min(failures - 1, 30));
}
