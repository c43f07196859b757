import { createConnection, type Socket } from 'node:net';
import { MOST_PAYLOAD_BYTES, TunnelFault, WINDOW_BYTES, WINDOW_STEP_BYTES } from './tunnel-frames';
import { frameOf, windowFrame, type Frame } from './tunnel-frames';

/** A socket of the pod, and the one of this machine that answers for it. */
export interface CarriedSocket {
  /** In the keeper's container. */
  readonly inPod: string;
  readonly onHost: string;
  /** At the same time; more wait in the pod's kernel. */
  readonly mostConnections: number;
}

/**
 * This machine's end of a tunnel: makes a connection of its own for each one of the pod, and carries bytes between the two. A connection
 * of which one end does not read stops no other one: each has a window in either direction (WINDOW_BYTES), beyond which nothing of it is
 * read here, and nothing may come from there. So what is held is bounded by that and the number of connections.
 *
 * A connection is known by its socket in the pod, never by what it says.
 */
export class TunnelEnd {
  private readonly connections = new Map<number, CarriedConnection>();

  /** @param say takes one frame at a time, in order; it may hold them, since windows bound them */
  constructor(
    private readonly sockets: readonly CarriedSocket[],
    private readonly say: (frame: Buffer) => void,
  ) {}

  /** Of both ends: one that is closed here counts until the pod has said so too. */
  get openConnections(): number {
    return this.connections.size;
  }

  /** @throws TunnelFault where the other end breaks the rules; what there is is to be closed then */
  take({ kind, id, payload }: Frame): void {
    if (kind === 'o') return this.open(id, payload);
    const connection = this.connections.get(id);
    if (!connection) throw new TunnelFault(`there is no connection ${id}`);
    switch (kind) {
      case 'd':
        return connection.takeData(payload);
      case 'w':
        return connection.takeWindow(payload);
      case 'e':
        return connection.takeEnd();
      case 'c':
        return connection.takeClose();
    }
  }

  /** Breaks all connections, and says nothing more. */
  close(): void {
    const all = [...this.connections.values()];
    this.connections.clear();
    for (const connection of all) connection.destroy();
  }

  private open(id: number, payload: Buffer): void {
    const place = payload[0] ?? this.sockets.length;
    const socket = this.sockets[place];
    if (!socket || this.connections.has(id)) throw new TunnelFault('a connection of no socket, or one that is there');
    const others = [...this.connections.values()].filter((one) => one.place === place).length;
    if (others >= socket.mostConnections) throw new TunnelFault('more connections than there may be');
    const connection = new CarriedConnection(id, place, socket.onHost, this.say, () => this.connections.delete(id));
    this.connections.set(id, connection);
  }
}

class CarriedConnection {
  private readonly socket: Socket;
  /** Read here, for which the window has no room yet: what one reading brought, at most. */
  private waiting: Buffer | null = null;
  /** So much may be said. */
  private credit = WINDOW_BYTES;
  /** So much may come. */
  private room = WINDOW_BYTES;
  /** Passed on here, and not told yet. */
  private passed = 0;
  private hasReadEnd = false;
  private hasSocketClosed = false;
  private hasHeardEnd = false;
  private hasHeardClose = false;
  private hasSaidEnd = false;
  private hasSaidClose = false;

  constructor(
    private readonly id: number,
    readonly place: number,
    path: string,
    private readonly say: (frame: Buffer) => void,
    private readonly onGone: () => void,
  ) {
    this.socket = createConnection({ path, allowHalfOpen: true });
    this.socket.on('data', (bytes: Buffer) => {
      this.waiting = bytes;
      this.socket.pause();
      this.sayWaiting();
    });
    this.socket.on('end', () => {
      this.hasReadEnd = true;
      this.sayWaiting();
    });
    // What was read before it broke is worth nothing: its peer has not ended in order.
    this.socket.on('error', () => (this.waiting = null));
    this.socket.on('close', () => {
      this.hasSocketClosed = true;
      this.sayWaiting();
    });
  }

  takeData(bytes: Buffer): void {
    if (bytes.length > this.room || this.hasHeardEnd) throw new TunnelFault('more data than there may be');
    this.room -= bytes.length;
    if (this.hasSocketClosed || bytes.length === 0) return;
    this.socket.write(bytes, (error) => error || this.notePassed(bytes.length));
  }

  takeWindow(payload: Buffer): void {
    const bytes = payload.length === 4 ? payload.readUInt32BE() : Infinity;
    if (bytes > WINDOW_BYTES - this.credit) throw new TunnelFault('a window that is too large');
    this.credit += bytes;
    this.sayWaiting();
  }

  takeEnd(): void {
    this.hasHeardEnd = true;
    this.socket.end();
  }

  /** The client in the pod is gone. What it has said still arrives; what it would be told does not. */
  takeClose(): void {
    this.hasHeardClose = this.hasHeardEnd = true;
    this.waiting = null;
    if (this.hasSaidClose) this.onGone();
    else if (this.hasSocketClosed) this.sayClose();
    else this.socket.destroySoon();
  }

  destroy(): void {
    this.hasSaidClose = true;
    this.socket.destroy();
  }

  /** As much as may be under way, and what comes after it. */
  private sayWaiting(): void {
    if (this.hasSaidClose) return;
    while (this.waiting && this.credit > 0 && !this.hasHeardClose) {
      const piece = this.waiting.subarray(0, Math.min(this.credit, MOST_PAYLOAD_BYTES));
      this.waiting = piece.length < this.waiting.length ? this.waiting.subarray(piece.length) : null;
      this.credit -= piece.length;
      this.say(frameOf('d', this.id, piece));
    }
    if (this.waiting && !this.hasHeardClose) return;
    if (this.hasReadEnd && !this.hasSaidEnd && !this.hasHeardClose) {
      this.hasSaidEnd = true;
      this.say(frameOf('e', this.id));
    }
    if (this.hasSocketClosed) this.sayClose();
    else this.socket.resume();
  }

  private sayClose(): void {
    this.hasSaidClose = true;
    this.say(frameOf('c', this.id));
    if (this.hasHeardClose) this.onGone();
  }

  private notePassed(bytes: number): void {
    this.passed += bytes;
    if (this.passed < WINDOW_STEP_BYTES || this.hasSaidClose || this.hasHeardEnd) return;
    this.say(windowFrame(this.id, this.passed));
    this.room += this.passed;
    this.passed = 0;
  }
}
