import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from './run-program';

const CHUNK = Buffer.alloc(256 * 1024, 1);

/** A file system of a few megabytes that can be filled up. */
export class SmallDisk {
  private constructor(private readonly folder: string) {}

  /** Null where this user may not mount. */
  static async mount(folder: string, mebibytes: number): Promise<SmallDisk | null> {
    if (process.getuid?.() !== 0) return null;
    try {
      await runProgram('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=0755`, 'crewtab-chaos', folder]);
      return new SmallDisk(folder);
    } catch {
      // A container without the right to mount: the fault is left out, and the report says so.
      return null;
    }
  }

  /** Until not one byte more fits. */
  async fill(): Promise<void> {
    const file = await open(join(this.folder, 'filler'), 'w');
    try {
      for (let size = CHUNK.length; size >= 1;) {
        const isWritten = await file.write(CHUNK, 0, size).then(
          ({ bytesWritten }) => bytesWritten === size,
          () => false,
        );
        if (!isWritten) size = Math.floor(size / 2);
      }
    } finally {
      await file.close();
    }
  }

  async empty(): Promise<void> {
    await rm(join(this.folder, 'filler'), { force: true });
  }

  async unmount(): Promise<void> {
    await runProgram('umount', ['--lazy', this.folder]);
  }
}
