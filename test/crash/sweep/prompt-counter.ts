import { dockerEngine } from '../../support/docker';
import { eventually } from '../../support/wait-for';

/** What the agent says once for every prompt that reaches it. */
export const HEARD = 'a prompt was heard';

/**
 * Counts the prompts that reach a run's leader, by the engine's own record of what the agent wrote: whatever becomes of
 * workers, rows and messages, this is what the agent saw. The record of a process is its own file, which goes with it.
 */
export class PromptCounter {
  private text = '';
  private readonly isOver = new AbortController();
  private readonly following: Promise<void>;

  constructor(runId: string) {
    this.following = this.follow(runId);
  }

  /** Resolves when the container is gone; its log is complete then. */
  async close(): Promise<number> {
    this.isOver.abort();
    await this.following;
    return this.text.split(HEARD).length - 1;
  }

  private async follow(runId: string): Promise<void> {
    const engine = dockerEngine();
    const label = [`crewtab.run=${runId}`, 'crewtab.agent=lead'];
    const filters = encodeURIComponent(JSON.stringify({ label, status: ['running', 'exited'] }));
    const find = async (): Promise<string | false> => {
      if (this.isOver.signal.aborted) return '';
      const answer = await engine.call({ path: `/containers/json?all=1&filters=${filters}` });
      return (JSON.parse(answer) as { readonly Id: string }[])[0]?.Id ?? false;
    };
    const id = await eventually(find, { timeoutMs: 180_000, intervalMs: 100 });
    if (id === '') return;
    const path = `/containers/${id}/logs?follow=1&stdout=1`;
    const onChunk = (text: string): void => void (this.text += text);
    // A container that is removed in the middle ends the log with an error: what came is what was said.
    await engine.call({ path, timeoutMs: 300_000, onChunk }).catch(() => undefined);
  }
}
