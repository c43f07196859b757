import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { AppError } from '@crewtab/domain/errors';
import type { ArtifactStore, ByteRange, StoredFile } from '@crewtab/domain/ports/artifact-store';
import { requireKey, requireRunId } from './artifact-keys';

export interface S3Options {
  readonly bucket: string;
  /** Of every key: empty, or with a slash at its end. */
  readonly prefix: string;
  /** Null: Amazon's. */
  readonly endpoint: string | null;
  readonly region: string;
  /** Null: what the SDK finds by itself. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | null;
}

/** Of an upload in memory; a store refuses smaller ones, and more than 10,000 of a file. */
const PART_BYTES = 8 * 1024 ** 2;
const CONNECT_MS = 10_000;
/** Without a byte either way. */
const IDLE_MS = 60_000;
const REMOVALS_AT_A_TIME = 8;

/**
 * Artifacts as objects of a bucket, by the commands that every S3-compatible store has: no batches of deletions, no
 * checksums of the newer kind, no continuation tokens. A file of up to one part is one request, a larger one a multipart
 * upload, which a store shows when it is completed and not before.
 */
export class S3ArtifactStore implements ArtifactStore {
  private readonly client: S3Client;

  constructor(private readonly options: S3Options) {
    const { region, endpoint, credentials } = options;
    this.client = new S3Client({
      region,
      ...(endpoint !== null && { endpoint, forcePathStyle: true }),
      ...(credentials && { credentials }),
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: IDLE_MS },
    });
  }

  async put(key: string, content: AsyncIterable<Uint8Array>): Promise<StoredFile> {
    const source = new MeasuredContent(content);
    const upload = new Upload({
      client: this.client,
      params: { ...this.placeOf(key), Body: Readable.from(source.read()) },
      queueSize: 1,
      partSize: PART_BYTES,
    });
    try {
      await upload.done();
    } catch (error) {
      // The upload was aborted by then; where the store did not answer to that, it goes with its run.
      throw source.fault ?? unreachable(error);
    }
    return source.measure();
  }

  async open(key: string, range?: ByteRange): Promise<AsyncIterable<Uint8Array> | null> {
    const Range = range && `bytes=${range.start}-${range.end}`;
    try {
      const { Body } = await this.client.send(new GetObjectCommand({ ...this.placeOf(key), Range }));
      return Body ? reading(Body as Readable) : null;
    } catch (error) {
      if (nameOf(error) === 'NoSuchKey') return null;
      throw unreachable(error);
    }
  }

  async removeRun(runId: string): Promise<void> {
    requireRunId(runId);
    const { bucket: Bucket, prefix } = this.options;
    const Prefix = `${prefix}${runId}/`;
    await this.reaching(async () => {
      for (;;) {
        const { Contents = [] } = await this.client.send(new ListObjectsCommand({ Bucket, Prefix }));
        if (Contents.length === 0) break;
        for (let at = 0; at < Contents.length; at += REMOVALS_AT_A_TIME) {
          const some = Contents.slice(at, at + REMOVALS_AT_A_TIME);
          await Promise.all(some.map(({ Key }) => this.client.send(new DeleteObjectCommand({ Bucket, Key }))));
        }
      }
      await this.abortUploads(Prefix);
    });
  }

  /**
   * Shows that this process may write, read and delete here, and that all others of the installation use the same place: see
   * `proveShared` of the folder.
   * @throws AppError `artifact_store_unreachable` that names the setting to look at
   */
  async prove(agree: (name: string) => Promise<string>): Promise<void> {
    const { bucket, prefix } = this.options;
    const trial = `trial-${randomUUID()}`;
    const own = `shared-${randomUUID()}`;
    await this.proving(() => this.write(trial));
    if ((await this.proving(() => this.find(trial))) !== trial)
      throw wrongSetting(
        `ARTIFACT_S3_BUCKET ${bucket}: an object that was just written does not read as it was written`,
      );
    await this.proving(() => this.remove(trial));
    await this.proving(() => this.write(own));
    const agreed = await agree(own);
    if (agreed === own) return;
    await this.proving(() => this.remove(own));
    if ((await this.proving(() => this.find(agreed))) !== null) return;
    throw wrongSetting(
      `ARTIFACT_S3_BUCKET ${bucket} is not where this installation keeps its artifacts: it has no object "${prefix}${agreed}". Schedulers and workers must share one place; where it was replaced by a new one, make an object of that name in it.`,
    );
  }

  /** Ends its connections. */
  close(): void {
    this.client.destroy();
  }

  /** Of a worker that died in the middle. Some stores have no such list, and end unfinished uploads by themselves. */
  private async abortUploads(Prefix: string): Promise<void> {
    const { bucket: Bucket } = this.options;
    try {
      const { Uploads = [] } = await this.client.send(new ListMultipartUploadsCommand({ Bucket, Prefix }));
      for (const { Key, UploadId } of Uploads)
        await this.client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
    } catch (error) {
      if (!['NotImplemented', 'NoSuchUpload', 'AccessDenied'].includes(nameOf(error))) throw error;
    }
  }

  private placeOf(key: string): { Bucket: string; Key: string } {
    requireKey(key);
    return { Bucket: this.options.bucket, Key: `${this.options.prefix}${key}` };
  }

  private async write(name: string): Promise<void> {
    const { bucket: Bucket, prefix } = this.options;
    await this.client.send(new PutObjectCommand({ Bucket, Key: `${prefix}${name}`, Body: name }));
  }

  private async find(name: string): Promise<string | null> {
    const { bucket: Bucket, prefix } = this.options;
    try {
      const { Body } = await this.client.send(new GetObjectCommand({ Bucket, Key: `${prefix}${name}` }));
      return (await Body?.transformToString()) ?? '';
    } catch (error) {
      if (nameOf(error) === 'NoSuchKey') return null;
      throw error;
    }
  }

  private async remove(name: string): Promise<void> {
    const { bucket: Bucket, prefix } = this.options;
    await this.client.send(new DeleteObjectCommand({ Bucket, Key: `${prefix}${name}` }));
  }

  private async reaching<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw unreachable(error);
    }
  }

  private async proving<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw wrongSetting(adviceFor(error, this.options), error);
    }
  }
}

/** Counts and digests what passes, and keeps the fault that it ends with apart from those of the store. */
class MeasuredContent {
  fault: Error | null = null;
  private readonly hash = createHash('sha256');
  private bytes = 0;

  constructor(private readonly content: AsyncIterable<Uint8Array>) {}

  async *read(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of this.content) {
        this.hash.update(chunk);
        this.bytes += chunk.length;
        yield chunk;
      }
    } catch (error) {
      this.fault = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  }

  measure(): StoredFile {
    return { bytes: this.bytes, digest: this.hash.digest('hex') };
  }
}

async function* reading(body: Readable): AsyncGenerator<Uint8Array> {
  try {
    yield* body as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw unreachable(error);
  } finally {
    body.destroy();
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Node's own errors of several addresses have an empty message.
  const words = error.message || (error as NodeJS.ErrnoException).code || '';
  return words.startsWith(error.name) || error.name === 'Error' ? words : `${error.name}: ${words}`;
}

function unreachable(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError('artifact_store_unreachable', `the artifact store: ${wordsOf(error)}`, {
    cause: error,
    retryable: true,
  });
}

function wrongSetting(message: string, cause?: unknown): AppError {
  return new AppError('artifact_store_unreachable', message, { cause });
}

/** What to do about an error at the start. */
function adviceFor(error: unknown, { bucket, endpoint, region }: S3Options): string {
  const words = wordsOf(error);
  switch (nameOf(error)) {
    case 'NoSuchBucket':
      return `ARTIFACT_S3_BUCKET ${bucket}: there is no such bucket (${words})`;
    case 'InvalidAccessKeyId':
      return `ARTIFACT_S3_ACCESS_KEY is not known to the store (${words})`;
    case 'SignatureDoesNotMatch':
      return `ARTIFACT_S3_SECRET_KEY is not the secret of ARTIFACT_S3_ACCESS_KEY (${words})`;
    case 'AccessDenied':
    case 'Forbidden':
      return `ARTIFACT_S3_ACCESS_KEY may not write, read and delete objects of ARTIFACT_S3_BUCKET ${bucket} (${words})`;
    case 'PermanentRedirect':
    case 'AuthorizationHeaderMalformed':
      return `ARTIFACT_S3_REGION ${region} is not the region of ARTIFACT_S3_BUCKET ${bucket} (${words})`;
    case 'CredentialsProviderError':
      return `ARTIFACT_S3_ACCESS_KEY is not set, and the AWS SDK finds no key by itself (${words})`;
    default:
      return `ARTIFACT_S3_ENDPOINT ${endpoint ?? 'of Amazon S3'} does not answer as an S3-compatible store does (${words})`;
  }
}
