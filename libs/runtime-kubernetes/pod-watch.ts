import type { IncomingMessage } from 'node:http';
import type { EndedAgent, Subscription } from '@crewtab/domain/ports/runtime';
import type { Pod } from './cluster/api-objects';
import type { ClusterClient } from './cluster/cluster-client';
import { agentContainers, LABELS, labelSelector } from './run-labels';
import { processOf } from './pod/pod-state';

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: Pod;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** The API server ends a watch by itself then; one that lasts longer is dead, which nothing else would tell. */
const WATCH_SECONDS = 120;
const WATCH_LIMIT_MS = (WATCH_SECONDS + 20) * 1_000;

/** One watch of an installation's pods, which lists and watches again until it is closed. What it tells is a hint. */
export class PodWatch implements Subscription {
  private isClosed = false;
  private stream: IncomingMessage | null = null;
  private endPause: (() => void) | null = null;
  /** By pod and agent, told once each. */
  private told = new Set<string>();

  constructor(
    private readonly connect: () => Promise<ClusterClient>,
    private readonly installationId: string,
    private readonly onEnded: (ended: EndedAgent | null) => void,
    private readonly onClose: () => void,
  ) {
    void this.keepWatching();
  }

  close(): void {
    this.isClosed = true;
    this.stream?.destroy();
    this.endPause?.();
    this.onClose();
  }

  private async keepWatching(): Promise<void> {
    let failures = 0;
    for (let isFirst = true; !this.isClosed; isFirst = false) {
      try {
        await this.watchOnce(isFirst, () => (failures = 0));
      } catch {
        // Whatever broke is repaired by listing again; the subscriber is told to look when that has worked.
        failures++;
      }
      if (!this.isClosed && failures > 0) await this.pause(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures));
    }
  }

  private async watchOnce(isFirst: boolean, onListed: () => void): Promise<void> {
    const client = await this.connect();
    const selector = labelSelector(this.installationId);
    const { items, resourceVersion } = await client.list('pods', selector);
    // What is gone is forgotten here.
    const present = new Set(items.map(({ metadata }) => metadata.uid ?? ''));
    this.told = new Set([...this.told].filter((key) => present.has(key.split('/')[0] ?? '')));
    for (const pod of items) this.look(pod);
    if (!isFirst && !this.isClosed) this.onEnded(null);
    onListed();
    this.stream = await client.watchPods(selector, resourceVersion, WATCH_SECONDS);
    const limit = setTimeout(() => this.stream?.destroy(), WATCH_LIMIT_MS);
    this.stream.on('error', () => undefined);
    try {
      if (this.isClosed) this.stream.destroy();
      for await (const event of eventsOf(this.stream)) {
        if (event.type === 'ERROR' || this.isClosed) return;
        if (event.type !== 'BOOKMARK') this.look(event.object);
      }
    } finally {
      clearTimeout(limit);
    }
  }

  private look(pod: Pod): void {
    const runId = pod.metadata.labels?.[LABELS.run];
    if (runId === undefined || pod.metadata.labels?.[LABELS.program] !== undefined) return;
    for (const agent of agentContainers(pod)) {
      const key = `${pod.metadata.uid ?? ''}/${agent}`;
      if (this.told.has(key) || processOf(pod, agent).status !== 'exited') continue;
      this.told.add(key);
      if (!this.isClosed) this.onEnded({ runId, agent });
    }
  }

  private async pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

async function* eventsOf(stream: AsyncIterable<Buffer>): AsyncGenerator<WatchEvent> {
  const decoder = new TextDecoder();
  let pending = '';
  for await (const chunk of stream) {
    const lines = (pending + decoder.decode(chunk, { stream: true })).split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as WatchEvent;
  }
}
