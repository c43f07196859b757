import type { LogFields, Logger } from '@crewtab/domain/ports/logger';
import type { VirtualTime } from './virtual-time';

/** What happened, in order: always as a hash (the same history has the same), and as words when it is shown. */
export class Timeline {
  readonly lines: string[] = [];
  private hash = 0x811c9dc5;

  constructor(
    private readonly time: VirtualTime,
    private readonly isKept: boolean,
  ) {}

  get fingerprint(): string {
    return this.hash.toString(16).padStart(8, '0');
  }

  note(who: string, text: string): void {
    this.hash = mixText(mixText(this.hash ^ this.time.monotonicMs(), who), text);
    if (this.isKept) this.lines.push(`${seconds(this.time.monotonicMs())}  ${who.padEnd(22)} ${text}`);
  }

  /** A process's log; kept, but no part of the fingerprint. */
  loggerOf(who: string, bound: LogFields = {}): Logger {
    if (!this.isKept) return silent;
    const write = (level: string) => (fields: LogFields, message: string) => {
      const all = Object.entries({ ...bound, ...fields }).filter(([, value]) => value !== null && value !== undefined);
      const shown = all.map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
      this.lines.push(
        `${seconds(this.time.monotonicMs())}  ${who.padEnd(22)} ${level}: ${message} (${shown.join(' ')})`,
      );
    };
    return {
      debug: () => undefined,
      info: write('info'),
      warn: write('warn'),
      error: write('ERROR'),
      child: (fields) => this.loggerOf(who, { ...bound, ...fields }),
    };
  }
}

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(3).padStart(9)} s`;
}

/** Mixes text into a 32-bit hash (FNV-1a). */
function mixText(hash: number, text: string): number {
  let mixed = hash;
  for (let index = 0; index < text.length; index++) mixed = Math.imul(mixed ^ text.charCodeAt(index), 0x01000193);
  return mixed >>> 0;
}
