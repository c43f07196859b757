import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The clock of one process, moved while it runs: libfaketime reads the offset from a file again and again. */
export class ShiftedClock {
  private constructor(
    private readonly library: string,
    private readonly file: string,
  ) {
    this.shift(0);
  }

  /** Null where libfaketime is not installed (Debian: the package libfaketime). */
  static find(folder: string): ShiftedClock | null {
    const library = findLibrary();
    return library === null ? null : new ShiftedClock(library, join(folder, 'clock'));
  }

  /** For the process whose clock it is. Its monotonic clock stays as it is: nothing shifts that one in reality. */
  get env(): Record<string, string> {
    return {
      LD_PRELOAD: this.library,
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_CACHE_DURATION: '1',
      DONT_FAKE_MONOTONIC: '1',
      FAKETIME_DISABLE_SHM: '1',
    };
  }

  /** Seconds against the real time; seen within a second. */
  shift(seconds: number): void {
    writeFileSync(this.file, `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}\n`);
  }
}

function findLibrary(): string | null {
  for (const folder of ['/usr/lib', '/usr/lib64', '/usr/local/lib', '/lib']) {
    for (const name of ['', ...subfolders(folder)]) {
      const faketime = join(folder, name, 'faketime');
      if (subfiles(faketime).includes('libfaketimeMT.so.1')) return join(faketime, 'libfaketimeMT.so.1');
    }
  }
  return null;
}

function subfolders(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory() && entry.name.includes('linux')).map(({ name }) => name);
  } catch {
    // Not every system has all of these folders.
    return [];
  }
}

function subfiles(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Not there.
    return [];
  }
}
