import { mkdirSync, readdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { effect } from '@crewtab/domain/failpoint';
import type { EndedAgent, Subscription } from '@crewtab/domain/ports/runtime';
import { ChangeSignal } from './change-signal';

/**
 * Tells of agents that end: their supervisors leave a file for each in one directory. Ends of before are not told. An
 * agent whose supervisor was killed leaves none; the reader of its output notices.
 */
export class ExitWatch implements Subscription {
  private isClosed = false;
  private known: ReadonlySet<string>;
  private readonly signal: ChangeSignal;

  constructor(
    private readonly dir: string,
    private readonly onEnded: (ended: EndedAgent | null) => void,
    private readonly onClose: (watch: ExitWatch) => void,
  ) {
    effect('process.watched-folder.make', () => mkdirSync(dir, { recursive: true }));
    this.signal = new ChangeSignal([dir]);
    this.known = new Set(readdirSync(dir));
    void this.run();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.signal.close();
    this.onClose(this);
  }

  private async run(): Promise<void> {
    let isBroken = false;
    while (!this.isClosed) {
      await this.signal.wait();
      const names = await readdir(this.dir).catch(() => null);
      if (this.isClosed) return;
      if (names === null) {
        isBroken = true;
        continue;
      }
      for (const name of names) if (!this.known.has(name)) this.tell(name);
      this.known = new Set(names);
      if (isBroken) this.onEnded(null);
      isBroken = false;
    }
  }

  private tell(name: string): void {
    const [runId, agent] = name.split('~');
    if (runId && agent) this.onEnded({ runId, agent });
  }
}
