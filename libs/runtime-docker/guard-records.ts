import type { OutputLine } from '@crewtab/domain/ports/runtime';

/** A piece of an agent's output, or the end of it, as the guard writes it down: images/guard/guard.c has the format. */
export type GuardRecord = {
  /** Of its first byte among all records. */
  readonly position: number;
  /** Of the next record. */
  readonly end: number;
} & (
  { readonly kind: 'piece'; readonly stream: OutputLine['stream']; readonly bytes: Buffer } | { readonly kind: 'end' }
);

/** What stands among the records and is none: somebody in the container wrote past the guard. */
export interface Intruder {
  readonly kind: 'intruder';
  readonly stream: OutputLine['stream'];
  readonly bytes: Buffer;
}

const NEWLINE = 0x0a;
const HEAD = /^([oOeEx]) (\d+) (\d+) /;
/** Kind, two numbers of 20 digits at most, and three spaces. */
const LONGEST_HEAD = 48;

/** Takes records apart, which may come in pieces. Pieces of output have the newline that ended their line. */
export class RecordReader {
  private pending: Buffer[] = [];

  *push(bytes: Buffer): Generator<GuardRecord | Intruder> {
    for (let from = 0; from < bytes.length;) {
      const newline = bytes.indexOf(NEWLINE, from);
      const next = newline < 0 ? bytes.length : newline + 1;
      this.pending.push(bytes.subarray(from, next));
      if (newline >= 0) yield recordOf(Buffer.concat(this.pending.splice(0)));
      from = next;
    }
  }
}

/** @param line with its newline */
function recordOf(line: Buffer): GuardRecord | Intruder {
  const [head, kind = '', position = '', length = ''] = HEAD.exec(line.toString('latin1', 0, LONGEST_HEAD)) ?? [];
  if (head === undefined) return { kind: 'intruder', stream: 'stdout', bytes: line };
  const place = { position: Number(position), end: Number(position) + head.length + Number(length) + 1 };
  if (kind === 'x') return { kind: 'end', ...place };
  const isWholeLine = kind === kind.toLowerCase();
  // A log replaces what is no UTF-8, so the payload ends with the line and not after `length` bytes.
  const bytes = line.subarray(head.length, isWholeLine ? line.length : -1);
  return { kind: 'piece', stream: kind.toLowerCase() === 'o' ? 'stdout' : 'stderr', bytes, ...place };
}
