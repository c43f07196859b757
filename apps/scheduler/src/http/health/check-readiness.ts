import type { Clock } from '@crewtab/domain/ports/clock';
import type { ReadinessCheck } from '../http-deps';

/** A check that takes longer than this counts as failed: a load balancer needs an answer soon. */
const CHECK_LIMIT_MS = 2_000;

export interface Readiness {
  readonly isReady: boolean;
  /** By check: `ok`, or what is wrong. */
  readonly checks: Readonly<Record<string, string>>;
}

/** Asks everything at once. Never throws. */
export async function checkReadiness(checks: readonly ReadinessCheck[], clock: Clock): Promise<Readiness> {
  const results = await Promise.all(checks.map(async (check) => [check.name, await ask(check, clock)] as const));
  return { isReady: results.every(([, result]) => result === 'ok'), checks: Object.fromEntries(results) };
}

function ask(check: ReadinessCheck, clock: Clock): Promise<string> {
  return new Promise((resolve) => {
    const cancelTimer = clock.after(CHECK_LIMIT_MS, () => resolve(`did not answer within ${CHECK_LIMIT_MS / 1_000} s`));
    Promise.resolve()
      .then(() => check.check())
      .then((problem) => resolve(problem ?? 'ok'))
      .catch((error: unknown) => resolve(error instanceof Error ? error.message : String(error)))
      .finally(cancelTimer);
  });
}
