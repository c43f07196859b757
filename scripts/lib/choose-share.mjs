import { createHash } from 'node:crypto';

/**
 * Chooses what a landing touches, and a share of all others that changes from seed to seed, so that everything has its
 * turn as commits go by; a seed always means the same ones.
 * @template T
 * @param {readonly T[]} all
 * @param {{ limit: number, share: number, seed: string, nameOf: (one: T) => string, isTouched: (one: T) => boolean }}
 *   options at most `limit` in all, of which `share` others; of touched ones that are more, some are left out
 * @returns {{ chosen: T[], touched: number, others: number, touchedLeftOut: number }} in the order of `all`
 */
export function chooseShare(all, { limit, share, seed, nameOf, isTouched }) {
  const rank = (one) =>
    createHash('sha256')
      .update(`${seed} ${nameOf(one)}`)
      .digest('hex');
  const ranked = all.map((one) => ({ one, rank: rank(one) })).sort((a, b) => (a.rank < b.rank ? -1 : 1));
  const [touched, others] = [true, false].map((wanted) =>
    ranked.filter(({ one }) => isTouched(one) === wanted).map(({ one }) => one),
  );
  const first = touched.slice(0, limit - Math.min(share, others.length));
  const rest = others.slice(0, share);
  const chosen = new Set([...first, ...rest]);
  return {
    chosen: all.filter((one) => chosen.has(one)),
    touched: first.length,
    others: rest.length,
    touchedLeftOut: touched.length - first.length,
  };
}
