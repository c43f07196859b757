import { createHash, timingSafeEqual } from 'node:crypto';
import type { Metrics } from './metrics';

/** How long a gathered page is answered again: gathering it costs queries. */
const FRESH_MS = 1_000;

/** `/metrics`: gathered once a second, however many ask, and behind a key where one is set. */
export class MetricsPage {
  private gathered: { readonly atMs: number; readonly text: Promise<string> } | null = null;

  constructor(
    private readonly metrics: Pick<Metrics, 'text' | 'contentType'>,
    /** METRICS_KEY; null: everybody may read. */
    private readonly key: string | null,
    private readonly monotonicMs: () => number,
  ) {}

  get contentType(): string {
    return this.metrics.contentType;
  }

  get isOpen(): boolean {
    return this.key === null;
  }

  /** Whether a request with this `Authorization` header may read it. */
  admits(authorization: string | undefined): boolean {
    if (this.key === null) return true;
    const given = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    return given !== undefined && timingSafeEqual(digest(given), digest(this.key));
  }

  read(): Promise<string> {
    const atMs = this.monotonicMs();
    if (this.gathered && atMs - this.gathered.atMs < FRESH_MS) return this.gathered.text;
    const text = this.metrics.text();
    this.gathered = { atMs, text };
    // What failed is not answered again.
    text.catch(() => (this.gathered = null));
    return text;
  }
}

/** Of one length for all keys, as the comparison wants it. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
