/*
 * Connections through the stdin and stdout of the keeper's `serve`: images/guard/keeper-serve.h has the frames and their rules.
 */

/** So much of a connection may be under way in one direction, bytes. */
export const WINDOW_BYTES = 128 * 1024;
/** What was passed on is told in steps of at least this. */
export const WINDOW_STEP_BYTES = WINDOW_BYTES / 2;
/** Of one frame of data. */
export const MOST_PAYLOAD_BYTES = 64 * 1024;
const HEAD_BYTES = 9;

/** Opened, data, window, end of one direction, closed. */
const KINDS = ['o', 'd', 'w', 'e', 'c'] as const;

export interface Frame {
  readonly kind: (typeof KINDS)[number];
  readonly id: number;
  readonly payload: Buffer;
}

/** The other end does not keep to the rules: nothing that it says can be trusted any more. */
export class TunnelFault extends Error {}

const NOTHING = Buffer.alloc(0);

export function frameOf(kind: Frame['kind'], id: number, payload: Buffer = NOTHING): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.write(kind, 0, 'latin1');
  head.writeUInt32BE(id, 1);
  head.writeUInt32BE(payload.length, 5);
  return Buffer.concat([head, payload]);
}

export function windowFrame(id: number, bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frameOf('w', id, payload);
}

/** Takes frames apart, which may come in pieces. Holds less than one frame. */
export class FrameReader {
  private pending: Buffer = NOTHING;

  /** @throws TunnelFault */
  *push(bytes: Buffer): Generator<Frame> {
    this.pending = this.pending.length === 0 ? bytes : Buffer.concat([this.pending, bytes]);
    while (this.pending.length >= HEAD_BYTES) {
      const kind = KINDS.find((one) => one.charCodeAt(0) === this.pending[0]);
      const length = this.pending.readUInt32BE(5);
      if (kind === undefined || length > MOST_PAYLOAD_BYTES) throw new TunnelFault('this is no frame');
      const end = HEAD_BYTES + length;
      if (this.pending.length < end) return;
      yield { kind, id: this.pending.readUInt32BE(1), payload: this.pending.subarray(HEAD_BYTES, end) };
      this.pending = this.pending.subarray(end);
    }
  }
}
