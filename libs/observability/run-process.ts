/** Longest that a shutdown may take before the process ends anyway, ms; leases bring its runs to others then. */
const SHUTDOWN_LIMIT_MS = 9_000;

/**
 * The life of a process: starts it, ends it in an orderly way at SIGTERM or SIGINT, and exits with 1 and one clear line
 * when it cannot start. A second signal, or a shutdown that takes too long, ends it at once.
 */
export async function runProcess(name: string, start: () => Promise<{ stop(): Promise<void> }>): Promise<void> {
  let stopping: Promise<void> | null = null;
  let isAsked = false;
  let running: { stop(): Promise<void> } | null = null;

  const stop = (): void => {
    if (stopping) process.exit(1);
    isAsked = true;
    if (!running) return;
    setTimeout(() => fail(name, `did not stop within ${SHUTDOWN_LIMIT_MS / 1_000} s`), SHUTDOWN_LIMIT_MS).unref();
    stopping = running.stop().then(
      () => process.exit(0),
      (error: unknown) => fail(name, words(error)),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // A fault that nobody expected leaves the process in an unknown state; the design survives its death.
  process.on('unhandledRejection', (error) => fail(name, words(error)));

  try {
    running = await start();
    if (isAsked) stop();
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
