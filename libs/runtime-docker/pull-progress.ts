/** One message of the engine's pull (or import) stream. */
export interface PullMessage {
  readonly status?: string;
  readonly id?: string;
  readonly error?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

const TELL_EVERY_MS = 1_000;

/** Makes words of a pull's layers, at most one a second. */
export class PullProgress {
  private readonly layers = new Map<string, { done: number; total: number }>();
  private toldAtMs = -Infinity;
  private toldPercent = -1;

  constructor(private readonly image: string) {}

  /** @returns words worth telling, or null. `nowMs` is monotonic. */
  add(message: PullMessage, nowMs: number): string | null {
    this.note(message);
    const percent = this.percent();
    if (percent === null || percent === this.toldPercent || nowMs - this.toldAtMs < TELL_EVERY_MS) return null;
    this.toldAtMs = nowMs;
    this.toldPercent = percent;
    return `pulling ${this.image} … ${percent} %`;
  }

  private note({ id, status, progressDetail }: PullMessage): void {
    if (id === undefined) return;
    const { current, total } = progressDetail ?? {};
    if (status === 'Downloading' && current !== undefined && total !== undefined && total > 0)
      this.layers.set(id, { done: current, total });
    const layer = this.layers.get(id);
    if (layer && (status === 'Download complete' || status === 'Pull complete' || status === 'Extracting'))
      layer.done = layer.total;
  }

  /** Of the layers whose size is known so far; null before the first. */
  private percent(): number | null {
    let done = 0;
    let total = 0;
    for (const layer of this.layers.values()) {
      done += layer.done;
      total += layer.total;
    }
    return total === 0 ? null : Math.floor((100 * done) / total);
  }
}
