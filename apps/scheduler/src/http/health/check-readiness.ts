import type { HttpDeps, ReadinessCheck } from '../http-deps';

/** A check that takes longer than this counts as failed: a load balancer needs an answer soon. */
const CHECK_LIMIT_MS = 2_000;
/** What strangers are told of a check that threw: the words of a driver name hosts, users and databases. */
const FAILED = "failed; the scheduler's log says why";

interface Readiness {
  readonly isReady: boolean;
  /** By check: `ok`, or what is wrong. */
  readonly checks: Readonly<Record<string, string>>;
}

/** Asks everything at once, and once for all that ask meanwhile. Never throws. */
export class ReadinessProbe {
  private asking: Promise<Readiness> | null = null;
  /** By check: what the log has last, so that a probe each second does not fill it. */
  private readonly logged = new Map<string, string>();

  constructor(private readonly deps: Pick<HttpDeps, 'readiness' | 'clock' | 'logger'>) {}

  ask(): Promise<Readiness> {
    this.asking ??= this.askAll().finally(() => (this.asking = null));
    return this.asking;
  }

  private async askAll(): Promise<Readiness> {
    const { readiness } = this.deps;
    const results = await Promise.all(readiness.map(async (check) => [check.name, await this.askOne(check)] as const));
    return { isReady: results.every(([, result]) => result === 'ok'), checks: Object.fromEntries(results) };
  }

  private askOne(check: ReadinessCheck): Promise<string> {
    return new Promise((resolve) => {
      const late = `did not answer within ${CHECK_LIMIT_MS / 1_000} s`;
      const cancelTimer = this.deps.clock.after(CHECK_LIMIT_MS, () => resolve(late));
      Promise.resolve()
        .then(() => check.check())
        .then((problem) => {
          this.logged.delete(check.name);
          resolve(problem ?? 'ok');
        })
        .catch((error: unknown) => {
          this.log(check.name, error);
          resolve(FAILED);
        })
        .finally(cancelTimer);
    });
  }

  private log(check: string, error: unknown): void {
    const words = error instanceof Error ? error.message : String(error);
    if (this.logged.get(check) === words) return;
    this.logged.set(check, words);
    this.deps.logger.warn({ check, error }, 'not ready: a check failed');
  }
}
