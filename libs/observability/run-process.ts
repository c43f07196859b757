/** Longest that a shutdown may take before the process ends anyway, ms; leases bring its runs to others then. */
const SHUTDOWN_LIMIT_MS = 9_000;

/**
 * The life of a process: starts it, ends it in an orderly way at SIGTERM or SIGINT, and exits with 1 and one clear line
 * when it cannot start. A second signal, or a shutdown that takes too long, ends it at once. One that is told to stop while
 * it starts, which may wait for a service that is away, stops when it has started, or at the same limit.
 * @param limitMs longest that a shutdown may take, ms
 */
export async function runProcess(
  name: string,
  start: () => Promise<{ stop(): Promise<void> }>,
  limitMs: number = SHUTDOWN_LIMIT_MS,
): Promise<void> {
  let isAsked = false;
  let running: { stop(): Promise<void> } | null = null;

  const stop = (started: { stop(): Promise<void> }): void => {
    void started.stop().then(
      () => process.exit(0),
      (error: unknown) => fail(name, words(error)),
    );
  };
  const onSignal = (): void => {
    if (isAsked) process.exit(1);
    isAsked = true;
    setTimeout(() => fail(name, `did not stop within ${limitMs / 1_000} s`), limitMs).unref();
    if (running) stop(running);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  // An unexpected fault leaves the process in an unknown state; the design survives its death.
  process.on('unhandledRejection', (error) => fail(name, words(error)));

  try {
    running = await start();
    if (isAsked) stop(running);
  } catch (error) {
    fail(name, words(error));
  }
}

function fail(name: string, message: string): never {
  process.stderr.write(`${name}: ${message}\n`);
  process.exit(1);
}

/** A configuration error says all in its message; anything else needs its stack. */
function words(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.name === 'ConfigError' ? error.message : (error.stack ?? error.message);
}
