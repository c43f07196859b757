import { createHash } from 'node:crypto';
import { AppError } from '@crewtab/domain/errors';
import type { ArtifactStore } from '@crewtab/domain/ports/artifact-store';
import type { DeploymentSpec, FoundFile, Runtime } from '@crewtab/domain/ports/runtime';
import type { KeptArtifact } from '@crewtab/domain/runs/artifact';
import { contentTypeOf } from '@crewtab/domain/runs/content-type';
import { baseOfGlob, matchesGlob } from '@crewtab/domain/runs/glob';
import type { SecretMask } from '../masking/secret-mask';
import type { Warning } from '@crewtab/domain/runs/warning';

export interface ArtifactLimits {
  readonly fileBytes: number;
  /** Of a run. */
  readonly bytes: number;
  readonly count: number;
}

export interface CollectOptions {
  readonly runtime: Pick<Runtime, 'readFiles'>;
  readonly store: ArtifactStore;
  readonly limits: ArtifactLimits;
  readonly deployment: DeploymentSpec;
  readonly globs: readonly string[];
  /** Of the run's secrets. */
  readonly mask: SecretMask;
}

/** Of what was looked at in a workspace: more is not looked at. */
const MOST_ENTRIES = 200_000;
/** A larger file that is not kept is not read over to get behind it: it may be a hole of any size. */
const MOST_SKIPPED_BYTES = 1024 ** 3;
const LONGEST_PATH_BYTES = 1_024;
/** Files that are told of by name. */
const MOST_TOLD = 20;

// eslint-disable-next-line no-control-regex -- what no header and no page shows as it is
const UNPRINTABLE = /[\u0000-\u001f\u007f\ufffd]/;

/**
 * Keeps what a run left: regular files of its workspace that a glob names, within limits. Whatever else lies there (a link, a
 * device, a name that no one can read) is told and left. What was kept until it is cut short stays kept; each claim has
 * keys of its own, so that a worker that was shut out changes nothing of what another one has told.
 */
export class ArtifactCollector {
  private readonly found = new Map<string, KeptArtifact>();
  private readonly refused: string[] = [];
  private isIncomplete = false;
  private bytes = 0;
  private entries = 0;

  constructor(private readonly options: CollectOptions) {}

  get kept(): readonly KeptArtifact[] {
    return [...this.found.values()];
  }

  /** @param isCut the collecting came to its end before all was looked at */
  warnings(isCut: boolean): Warning[] {
    const warnings: Warning[] = [];
    if (this.refused.length > 0) {
      const told = this.refused.slice(0, MOST_TOLD).join('; ');
      const more = this.refused.length > MOST_TOLD ? ` (and ${this.refused.length - MOST_TOLD} more)` : '';
      warnings.push({ code: 'artifact_refused', message: `not kept: ${told}${more}` });
    }
    if (isCut || this.isIncomplete) {
      const message = 'not all of the workspace was looked at, so that artifacts may be missing';
      warnings.push({ code: 'artifacts_incomplete', message });
    }
    return warnings;
  }

  /** Begins anew where it is repeated; what was kept is not read again. */
  async collect(signal: AbortSignal): Promise<void> {
    this.refused.splice(0);
    this.entries = 0;
    for (const base of this.bases()) {
      try {
        await this.collectIn(base, signal);
      } catch (error) {
        // Nothing is there, or a link leads there.
        const isAbsent = error instanceof AppError && (error.code === 'not_found' || error.code === 'invalid_request');
        if (!isAbsent) throw error;
      }
    }
  }

  /** Where the globs begin; none within another. */
  private bases(): string[] {
    const bases = [...new Set(this.options.globs.map(baseOfGlob))];
    return bases.filter(
      (base) => !bases.some((other) => other !== base && (other === '' || base.startsWith(`${other}/`))),
    );
  }

  private async collectIn(base: string, signal: AbortSignal): Promise<void> {
    for await (const file of this.options.runtime.readFiles(this.options.deployment, base)) {
      signal.throwIfAborted();
      const isLost = ++this.entries > MOST_ENTRIES || !(await this.look(file, signal));
      if (!isLost) continue;
      this.isIncomplete = true;
      return;
    }
  }

  /** False where the rest cannot be looked at. */
  private async look(file: FoundFile, signal: AbortSignal): Promise<boolean> {
    const isWanted = file.kind !== 'folder' && this.options.globs.some((glob) => matchesGlob(glob, file.path));
    if (isWanted && !this.found.has(file.path)) {
      const fault = this.findFault(file);
      if (fault === null) {
        if (!(await this.keep(file, signal))) this.refuse(file, 'has a secret in it');
        return true;
      }
      this.refuse(file, fault);
    }
    return file.size <= MOST_SKIPPED_BYTES;
  }

  private refuse({ path }: FoundFile, why: string): void {
    this.refused.push(`${JSON.stringify(path.slice(0, LONGEST_PATH_BYTES))} ${why}`);
  }

  private findFault({ path, kind, size }: FoundFile): string | null {
    const { limits, mask } = this.options;
    if (mask.text(path) !== path) return 'has a secret in its name';
    if (kind !== 'file') return kind === 'link' ? 'is a link' : 'is no file';
    if (Buffer.byteLength(path) > LONGEST_PATH_BYTES) return 'has too long a path';
    if (UNPRINTABLE.test(path)) return 'has a name that cannot be shown';
    if (size > limits.fileBytes) return `is larger than ${limits.fileBytes} bytes`;
    if (this.bytes + size > limits.bytes)
      return `would make the artifacts of the run larger than ${limits.bytes} bytes`;
    return this.found.size >= limits.count ? `would be more than ${limits.count} files` : null;
  }

  /** False for a file with a secret in it, of which nothing is kept. */
  private async keep({ path, content, size }: FoundFile, signal: AbortSignal): Promise<boolean> {
    const { store, deployment, mask } = this.options;
    const name = createHash('sha256').update(path).digest('hex').slice(0, 32);
    const key = `${deployment.runId}/${deployment.epoch}-${name}`;
    const search = new SecretSearch(mask);
    try {
      const { bytes, digest } = await store.put(key, search.through(withinSize(content, size, signal)));
      this.found.set(path, { path, bytes, digest, contentType: contentTypeOf(path), key });
      this.bytes += bytes;
      return true;
    } catch (error) {
      if (search.hasFound) return false;
      throw error;
    }
  }
}

/** Bytes are never rewritten: a content with a secret in it ends in an error. */
class SecretSearch {
  hasFound = false;
  private held = '';

  constructor(private readonly mask: SecretMask) {}

  async *through(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const decoder = new TextDecoder();
    for await (const chunk of content) {
      this.look(decoder.decode(chunk, { stream: true }));
      yield chunk;
    }
    if (this.mask.last(this.held) !== this.held) this.fail();
  }

  private look(text: string): void {
    const whole = this.held + text;
    const { done, held } = this.mask.split(whole);
    if (done + held !== whole) this.fail();
    this.held = held;
  }

  private fail(): never {
    this.hasFound = true;
    throw new Error('there is a secret in it');
  }
}

/** A file that grows while it is read is kept as long as it was said to be. */
async function* withinSize(
  content: AsyncIterable<Uint8Array>,
  size: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let left = size;
  for await (const chunk of content) {
    signal.throwIfAborted();
    if (left <= 0) return;
    yield chunk.length > left ? chunk.subarray(0, left) : chunk;
    left -= chunk.length;
  }
}
