import type { Logger } from '@crewtab/domain/ports/logger';

/**
 * Gives the web framework's own messages to our log. Has the shape of Nest's `LoggerService` without importing Nest.
 * Its chatter about mapped routes and the like is debug to us.
 */
export class FrameworkLogger {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.logger.debug(toFields(rest), String(message));
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.logger.debug(toFields(rest), String(message));
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.logger.debug(toFields(rest), String(message));
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.logger.warn(toFields(rest), String(message));
  }

  error(message: unknown, ...rest: unknown[]): void {
    const fields = { ...toFields(rest), ...(message instanceof Error ? { error: message } : {}) };
    this.logger.error(fields, message instanceof Error ? message.message : String(message));
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.error(message, ...rest);
  }
}

/** Nest puts the context last, and a stack before it where there is one. */
function toFields(rest: readonly unknown[]): Record<string, unknown> {
  const texts = rest.filter((part): part is string => typeof part === 'string');
  const context = texts.at(-1);
  const stack = texts.length > 1 ? texts[0] : undefined;
  return { ...(context ? { context } : {}), ...(stack ? { stack } : {}) };
}
