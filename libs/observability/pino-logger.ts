import pino, { type DestinationStream, type Logger as Pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { LogFields, Logger } from '@crewtab/domain/ports/logger';

export interface LoggerOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** The process: `scheduler`, `worker`. */
  readonly name: string;
  /** Lines for people (a terminal) in place of JSON. */
  readonly isPretty: boolean;
  /** Default: stdout. */
  readonly destination?: DestinationStream;
}

/** Fields that must never reach a log, wherever they turn up in the first three levels. A safety net: no caller should log them at all. */
const SECRET_FIELDS = [
  'env',
  'environment',
  'prompt',
  'instructions',
  'content',
  'authorization',
  'Authorization',
  'cookie',
  'apiKey',
  'encryption',
  'encryptionKey',
  'metricsKey',
  'password',
  'secret',
];

const REDACTED_PATHS = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);

/** Structured logs as JSON lines on stdout, with instants in ISO 8601 and secrets blanked out. */
export function createLogger(options: LoggerOptions): Logger {
  const settings = {
    level: options.level,
    base: { name: options.name },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: pino.stdSerializers.err, err: pino.stdSerializers.err },
    redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
  };
  const destination = options.destination ?? pino.destination(1);
  return new PinoLogger(pino(settings, options.isPretty ? prettified(destination) : destination));
}

/** Lines are formatted as they are written, in this process: none is lost when it ends. */
function prettified(destination: DestinationStream): DestinationStream {
  const format = prettyFactory({ ignore: 'name', translateTime: 'SYS:HH:MM:ss.l', colorize: false });
  return { write: (line) => void destination.write(format(line)) };
}

class PinoLogger implements Logger {
  constructor(private readonly pino: Pino) {}

  debug(fields: LogFields, message: string): void {
    this.pino.debug(fields, message);
  }

  info(fields: LogFields, message: string): void {
    this.pino.info(fields, message);
  }

  warn(fields: LogFields, message: string): void {
    this.pino.warn(fields, message);
  }

  error(fields: LogFields, message: string): void {
    this.pino.error(fields, message);
  }

  child(fields: LogFields): Logger {
    return new PinoLogger(this.pino.child(fields));
  }
}
