import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { effect } from '@crewtab/domain/failpoint';
import type { Logger } from '@crewtab/domain/ports/logger';

/** What the next session of a run goes on from. */
export interface RunRecord {
  /** Both ways together. */
  readonly bytes: number;
  /** Notices that the conversation has, each as text. */
  readonly told: readonly string[];
}

const NOTHING: RunRecord = { bytes: 0, told: [] };
/** Far more than a session notes. */
const LARGEST_FILE = 1024 * 1024;
const RUN_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** One small file per run, beside the folders that containers see. Run by run, the last that was written counts. */
export class RunRecords {
  /** Writes under way, which a removal waits for. */
  private readonly writing = new Map<string, Promise<void>>();

  constructor(
    private readonly folder: string,
    private readonly logger: Logger,
  ) {}

  /** Nothing where there is none, or none that can be read: then the run's network is told and counted anew. */
  async read(runId: string): Promise<RunRecord> {
    const path = join(this.folder, runId);
    try {
      if ((await stat(path)).size > LARGEST_FILE) return NOTHING;
      const { bytes, told } = JSON.parse(await readFile(path, 'utf8')) as Partial<RunRecord>;
      const isWhole = Number.isSafeInteger(bytes) && Array.isArray(told) && told.every((it) => typeof it === 'string');
      return isWhole ? { bytes: bytes ?? 0, told: told ?? [] } : NOTHING;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.logger.warn({ runId, error: String(error) }, "what was noted of the run's network cannot be read");
      return NOTHING;
    }
  }

  /** In one step. A disk that is full costs the note, and not the run. */
  async write(runId: string, record: RunRecord): Promise<void> {
    const before = this.writing.get(runId) ?? Promise.resolve();
    const write = before
      .then(() => this.replace(runId, record))
      .catch((error: unknown) =>
        this.logger.warn({ runId, error: String(error) }, "the run's network could not be noted"),
      );
    this.writing.set(runId, write);
    await write;
    if (this.writing.get(runId) === write) this.writing.delete(runId);
  }

  async list(): Promise<string[]> {
    const names = await readdir(this.folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    // What a crash left of a write has its run's id in front.
    return [...new Set(names.map((name) => name.slice(0, 36)))].filter((name) => RUN_ID.test(name));
  }

  async remove(runId: string): Promise<void> {
    await this.writing.get(runId);
    const names = (await this.list()).includes(runId) ? await readdir(this.folder) : [];
    for (const name of names)
      if (name.startsWith(runId))
        await effect('egress.record.remove', () => rm(join(this.folder, name), { force: true }));
  }

  private async replace(runId: string, record: RunRecord): Promise<void> {
    const path = join(this.folder, runId);
    const written = `${path}.${randomBytes(4).toString('hex')}`;
    await effect('egress.records.make', () => mkdir(this.folder, { recursive: true, mode: 0o700 }));
    await effect('egress.record.write', () => writeFile(written, JSON.stringify(record), { mode: 0o600 }));
    await effect('egress.record.put-in-place', () => rename(written, path));
  }
}
