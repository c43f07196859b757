import type { OutputLine } from '@crewtab/domain/ports/runtime';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A piece of an agent's output, or the end of it, as the guard writes it down: images/guard/guard.c has the format. */
export type GuardRecord = {
  /** Of its first byte among all records. */
  readonly position: number;
  /** Of the next record. */
  readonly end: number;
} & (
  { readonly kind: 'piece'; readonly stream: OutputLine['stream']; readonly bytes: Buffer } | { readonly kind: 'end' }
);

/**
 * A line that is no record: a process in the container wrote past the guard, or an engine that was killed has lost the
 * beginning of a record and not the rest. It is no word of the agent.
 */
export interface Foreign {
  readonly kind: 'foreign';
}

const NEWLINE = 0x0a;
const HEAD = /^([oOeEx]) (\d{1,15}) (\d{1,5}) /;
/** Kind, the two numbers, and three spaces. */
const LONGEST_HEAD = 24;
/** The longest payload has 8 KiB, of which a log makes 24 KiB where none of it is text. */
const LONGEST_RECORD = 32 * 1024;
const REPLACEMENT = Buffer.from('\ufffd');
const FOREIGN: Foreign = { kind: 'foreign' };

/** Takes records apart, which may come in pieces. Pieces of output have the newline that ended their line. */
export class RecordReader {
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  /** In a line that is too long for a record. */
  private isPassingOver = false;

  *push(bytes: Buffer): Generator<GuardRecord | Foreign> {
    for (let from = 0; from < bytes.length;) {
      const newline = bytes.indexOf(NEWLINE, from);
      const next = newline < 0 ? bytes.length : newline + 1;
      if (!this.isPassingOver) yield* this.take(bytes.subarray(from, next), newline >= 0);
      if (newline >= 0) this.isPassingOver = false;
      from = next;
    }
  }

  private *take(piece: Buffer, isLast: boolean): Generator<GuardRecord | Foreign> {
    this.pendingBytes += piece.length;
    const isTooLong = this.pendingBytes > LONGEST_RECORD;
    if (!isTooLong) this.pending.push(piece);
    if (!isTooLong && !isLast) return;
    const line = this.pending.splice(0);
    this.pendingBytes = 0;
    this.isPassingOver = isTooLong;
    yield isTooLong ? FOREIGN : recordOf(Buffer.concat(line));
  }
}

/** @param line with its newline */
function recordOf(line: Buffer): GuardRecord | Foreign {
  const [head, kind = '', position = '', length = ''] = HEAD.exec(line.toString('latin1', 0, LONGEST_HEAD)) ?? [];
  if (head === undefined) return FOREIGN;
  const payload = line.subarray(head.length, -1);
  if (!isWhole(payload, Number(length))) return FOREIGN;
  const place = { position: Number(position), end: Number(position) + head.length + Number(length) + 1 };
  if (kind === 'x') return { kind: 'end', ...place };
  const isWholeLine = kind === kind.toLowerCase();
  const bytes = isWholeLine ? line.subarray(head.length) : payload;
  return { kind: 'piece', stream: kind.toLowerCase() === 'o' ? 'stdout' : 'stderr', bytes, ...place };
}

/** A log replaces each byte that is no UTF-8 by a character of three, so a payload may be longer than it says; never shorter. */
function isWhole(payload: Buffer, length: number): boolean {
  return payload.length === length || (payload.length > length && payload.includes(REPLACEMENT));
}

/** Variables that the engine is not to show; the guard takes them from there, and removes them. */
export const GUARD_ENVIRONMENT = '/.crewtab/environment';

/** Where the guard (images/guard/guard.c) and what it keeps lie in a container, whose layer they die with. */
export const GUARD_FOLDER = '/.crewtab';
export const GUARD_PROGRAM = `${GUARD_FOLDER}/guard`;
/** Starts a program without a guard with the sockets that the guard would leave it: images/guard/confine.c. */
export const CONFINE_PROGRAM = `${GUARD_FOLDER}/confine`;
/** Holds a run's workspace in memory: images/guard/holder.c. */
export const HOLDER_PROGRAM = `${GUARD_FOLDER}/holder`;
/** All records of the guard, in the order of the log. */
export const KEPT_OUTPUT = `${GUARD_FOLDER}/output`;
/** The exit code of the agent, once all that it said is kept. */
export const KEPT_END = `${GUARD_FOLDER}/ended`;

export interface GuardLimits {
  readonly endsAfterSeconds: number;
  /** Of all records; 0: any. */
  readonly mostBytes: number;
}

/** The command that starts an agent under the guard, which ends it beyond either limit. */
export function guardedCommand(command: readonly string[], { endsAfterSeconds, mostBytes }: GuardLimits): string[] {
  return [GUARD_PROGRAM, GUARD_FOLDER, String(endsAfterSeconds), String(mostBytes), ...command];
}

/** The exit code in the text of KEPT_END. Null where the guard was killed, or had no disk space to write it. */
export function keptExitCode(text: string): number | null {
  return /^\d{1,3}$/.test(text) ? Number(text) : null;
}

/**
 * A program of a build, for one architecture as container engines name it (`amd64`, `arm64`). Null where there is none.
 * @param folder with `<name>-<architecture>` files
 */
export async function readGuardProgram(
  folder: string,
  name: 'guard' | 'forwarder' | 'confine' | 'launcher' | 'keeper' | 'holder',
  architecture: string,
): Promise<Buffer | null> {
  try {
    return await readFile(join(folder, `${name}-${architecture}`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
