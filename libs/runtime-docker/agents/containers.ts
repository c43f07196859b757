import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { AppError } from '@crewtab/domain/errors';
import { extract, pack, type Header } from 'tar-stream';
import type Docker from 'dockerode';
import { type EngineClient, isRefusal, toAppError, unreachable } from '../engine/engine-client';
import type { AgentProcess, OutputLine } from '@crewtab/domain/ports/runtime';

type State = Docker.ContainerInspectInfo['State'];

/** By id or name; null where the engine does not know it. */
export async function inspectContainer(
  engine: EngineClient,
  handle: string,
): Promise<Docker.ContainerInspectInfo | null> {
  try {
    return await engine.read(`inspect ${handle}`, (abortSignal) =>
      engine.docker.getContainer(handle).inspect({ abortSignal }),
    );
  } catch (error) {
    if (isRefusal(error, 404)) return null;
    throw toAppError(error);
  }
}

/** What the engine knows of a container's process, without a word on whether its output is whole: see `inspectAgent`. */
export async function inspectProcess(engine: EngineClient, handle: string): Promise<AgentProcess> {
  const found = await inspectContainer(engine, handle);
  return found ? processOf(found.State) : { status: 'absent' };
}

export function processOf(state: State): AgentProcess {
  if (state.Running) return { status: 'running' };
  // It is being removed, and cannot be started any more.
  if (state.Status === 'removing' && !wasStarted(state)) return { status: 'absent' };
  // A container that could not be started stays "created", with the reason in its state.
  if (state.Status === 'created' && state.Error === '') return { status: 'created' };
  const { ExitCode: exitCode, OOMKilled: isOutOfMemory, Error: message } = state;
  return { status: 'exited', exitCode, isOutOfMemory, message, mayLackOutput: false };
}

/** Where it was not, the engine writes the year 1. */
export function wasStarted({ Running, StartedAt }: State): boolean {
  return Running || Date.parse(StartedAt) > 0;
}

export interface FileStat {
  readonly isDirectory: boolean;
  readonly isExecutable: boolean;
  /** Bytes. */
  readonly size: number;
}

export interface TarEntry {
  /** Absolute. */
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Null for what is not a regular file: to be put, a directory. */
  readonly content: string | Buffer | null;
}

/** As `TarEntry`, of something that is there. */
export type FoundEntry = TarEntry & { readonly content: string | null };

/** Bits of Go's os.FileMode, which the engine answers with. */
const GO_DIRECTORY = 2 ** 31;
const GO_SYMLINK = 2 ** 27;
const EXECUTE_BITS = 0o111;
const LARGEST_FILE = 1024 * 1024;

/** Looks at a path in a container, running or not, through a symbolic link. Null where there is nothing. */
export async function statIn(
  engine: EngineClient,
  container: Docker.Container,
  path: string,
): Promise<FileStat | null> {
  const found = await lookAt(engine, container, path);
  // The engine gives the target of a link as a path within the container, with further links on the way resolved.
  const target = found && isSet(found.mode, GO_SYMLINK) ? await lookAt(engine, container, found.linkTarget) : found;
  if (!target) return null;
  const isDirectory = isSet(target.mode, GO_DIRECTORY);
  return { isDirectory, isExecutable: !isDirectory && (target.mode & EXECUTE_BITS) !== 0, size: target.size };
}

async function lookAt(
  engine: EngineClient,
  container: Docker.Container,
  path: string,
): Promise<{ mode: number; linkTarget: string; size: number } | null> {
  try {
    const response = (await engine.read(`stat ${path}`, (abortSignal) =>
      container.infoArchive({ path, abortSignal }),
    )) as unknown as IncomingMessage;
    response.resume();
    const header = String(response.headers['x-docker-container-path-stat'] ?? '');
    return JSON.parse(Buffer.from(header, 'base64').toString('utf8')) as {
      mode: number;
      linkTarget: string;
      size: number;
    };
  } catch (error) {
    return nothingThere(error, engine, container);
  }
}

/**
 * What a path of a container is: owner, mode, and the text of a small regular file. Null where there is nothing; a
 * symbolic link is not followed.
 */
export async function readEntry(
  engine: EngineClient,
  container: Docker.Container,
  path: string,
): Promise<FoundEntry | null> {
  try {
    return await engine.read(`read ${path}`, async (abortSignal) => {
      const tar = await container.getArchive({ path, abortSignal });
      return withFirstEntry(tar as Readable, (entry) => entryOf(entry, path));
    });
  } catch (error) {
    return nothingThere(error, engine, container);
  }
}

/**
 * The engine answers 404 for a path that is not there, and for a container that was removed meanwhile; where it
 * was only asked to look, without a word.
 */
async function nothingThere(error: unknown, engine: EngineClient, { id }: Docker.Container): Promise<null> {
  if (!isRefusal(error, 404)) throw toAppError(error);
  if (await inspectContainer(engine, id)) return null;
  throw new AppError('engine_error', `container ${id} was removed while it was being made`, {
    retryable: true,
    cause: error,
  });
}

/** One entry of an archive, as tar-stream gives it: its header, and its bytes. */
type Entry = AsyncIterable<unknown> & { readonly header: Header };

/** Null of an empty archive. Of a directory, all that lies in it would follow: the rest is not read. */
export async function withFirstEntry<T>(tar: Readable, read: (entry: Entry) => Promise<T>): Promise<T | null> {
  const entries = extract();
  tar.once('error', (error: Error) => entries.destroy(error));
  tar.pipe(entries);
  try {
    for await (const entry of entries) return await read(entry);
    return null;
  } finally {
    tar.destroy();
  }
}

async function entryOf(entry: Entry, path: string): Promise<FoundEntry> {
  const { type, size = 0, mode = 0, uid = 0, gid = 0 } = entry.header;
  const isText = type === 'file' && size <= LARGEST_FILE;
  return { path, mode, uid, gid, content: isText ? await textOf(entry) : null };
}

async function textOf(entry: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of entry) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * Puts files and directories into a container, with owners and modes as given; what exists is set to them. The engine
 * starts a process of its own to unpack them, which makes this the dearest call after the start.
 */
export async function putInto(
  engine: EngineClient,
  container: Docker.Container,
  entries: readonly TarEntry[],
  signal: AbortSignal,
): Promise<void> {
  const tar = await makeTar(entries);
  const what = `put files into ${container.id}`;
  await engine.mutate('docker.container.put-files', what, { priority: 'deploy', signal }, (abortSignal) =>
    container.putArchive(tar, { path: '/', abortSignal }),
  );
}

export async function makeTar(entries: readonly TarEntry[]): Promise<Buffer> {
  const tar = pack();
  for (const { path, mode, uid, gid, content } of entries) {
    const header = { name: path.replace(/^\/+/, ''), mode, uid, gid, mtime: new Date(0) };
    if (content === null) tar.entry({ ...header, type: 'directory' });
    else tar.entry(header, content);
  }
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Go's mode needs 32 bits, JavaScript's bit operators have 31. */
function isSet(mode: number, bit: number): boolean {
  return Math.floor(mode / bit) % 2 === 1;
}

/** Between the end of a log and the engine's word that the process has ended may lie a moment; ms between looks. */
const END_LOOKS_MS = [0, 10, 30, 100, 300, 600];

/** The log from its beginning: to the end of the process, or as it is where that has ended. Null without a container. */
export async function requestLog(engine: EngineClient, handle: string): Promise<IncomingMessage | null> {
  try {
    const log = await engine.read(`follow the log of ${handle}`, async (abortSignal) => {
      const options = { follow: true, stdout: true, stderr: true, abortSignal } as const;
      return (await engine.docker.getContainer(handle).logs(options)) as unknown as IncomingMessage;
    });
    // Errors reach the reader through its iterator; without a reader they do not matter.
    log.on('error', () => undefined);
    return log;
  } catch (error) {
    // 409: being removed.
    if (isRefusal(error, 404, 409)) return null;
    throw toAppError(error);
  }
}

/** A log that ends is not yet a process that ended: an engine that restarts ends its logs as well. */
export async function confirmEnd(engine: EngineClient, handle: string): Promise<'exited' | 'absent'> {
  for (const waitMs of END_LOOKS_MS) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    const { status } = await inspectProcess(engine, handle);
    if (status === 'exited' || status === 'absent') return status;
  }
  throw unreachable('follow the log', 'it ended though the agent still runs');
}

/** A piece of the payload of one frame; frames come in pieces as the network cuts them. */
export interface LogPiece {
  readonly stream: OutputLine['stream'];
  readonly bytes: Buffer;
}

const HEADER_BYTES = 8;
const STREAMS: Readonly<Record<number, OutputLine['stream'] | 'system'>> = { 1: 'stdout', 2: 'stderr', 3: 'system' };

/**
 * Takes apart the engine's multiplexed stream: frames of an 8-byte header (stream, three zeros, length as big-endian
 * uint32) and a payload. The engine cuts lines over 16 KB into several frames.
 */
export class LogFrameDecoder {
  private readonly header = Buffer.alloc(HEADER_BYTES);
  private headerBytes = 0;
  private stream: OutputLine['stream'] | 'system' = 'stdout';
  private payloadLeft = 0;
  private systemMessage = '';

  /** True between two frames, where a stream may end without having lost anything. */
  get isAtBoundary(): boolean {
    return this.headerBytes === 0 && this.payloadLeft === 0;
  }

  /** Throws `engine_error` (retryable) where the engine says in the stream that it could not read the log. */
  *push(chunk: Buffer): Generator<LogPiece> {
    for (let from = 0; from < chunk.length;) {
      if (this.payloadLeft === 0) {
        from += this.readHeader(chunk, from);
      } else {
        const bytes = chunk.subarray(from, from + this.payloadLeft);
        from += bytes.length;
        this.payloadLeft -= bytes.length;
        if (this.stream !== 'system') yield { stream: this.stream, bytes };
        else this.readSystem(bytes);
      }
    }
  }

  private readHeader(chunk: Buffer, from: number): number {
    const taken = chunk.copy(this.header, this.headerBytes, from, from + HEADER_BYTES - this.headerBytes);
    this.headerBytes += taken;
    if (this.headerBytes < HEADER_BYTES) return taken;
    const stream = STREAMS[this.header.readUInt8(0)];
    if (!stream)
      throw new AppError(
        'engine_error',
        `the engine's log stream has a frame of unknown kind ${this.header.readUInt8(0)}`,
      );
    this.stream = stream;
    this.payloadLeft = this.header.readUInt32BE(4);
    this.headerBytes = 0;
    return taken;
  }

  private readSystem(bytes: Buffer): void {
    this.systemMessage += bytes.toString('utf8');
    if (this.payloadLeft === 0) throw new AppError('engine_error', this.systemMessage.trim(), { retryable: true });
  }
}
