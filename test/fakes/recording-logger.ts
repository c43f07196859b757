import type { LogFields, Logger } from '@crewtab/domain/ports/logger';

export interface LogEntry {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** Those of the parents included. */
  readonly fields: LogFields;
  readonly message: string;
}

/** Keeps what was logged, its children's entries included, in order. */
export class RecordingLogger implements Logger {
  constructor(
    readonly entries: LogEntry[] = [],
    private readonly bound: LogFields = {},
  ) {}

  debug(fields: LogFields, message: string): void {
    this.add('debug', fields, message);
  }

  info(fields: LogFields, message: string): void {
    this.add('info', fields, message);
  }

  warn(fields: LogFields, message: string): void {
    this.add('warn', fields, message);
  }

  error(fields: LogFields, message: string): void {
    this.add('error', fields, message);
  }

  child(fields: LogFields): RecordingLogger {
    return new RecordingLogger(this.entries, { ...this.bound, ...fields });
  }

  messages(level?: LogEntry['level']): string[] {
    return this.entries.filter((entry) => !level || entry.level === level).map((entry) => entry.message);
  }

  private add(level: LogEntry['level'], fields: LogFields, message: string): void {
    this.entries.push({ level, fields: { ...this.bound, ...fields }, message });
  }
}
