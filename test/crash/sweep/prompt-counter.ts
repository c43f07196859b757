import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dockerEngine } from '../../kit/services/docker';
import { eventually } from '../../kit/wait-for';

/** What the agent says once for every prompt that reaches it. */
export const HEARD = 'a prompt was heard';

/** Counts the prompts that reach an agent, whatever becomes of workers, rows and messages. */
export interface PromptCounter {
  /** When the run is over and gone. */
  close(): Promise<number>;
}

/** Of a process: the agent itself writes each one down before it does anything about it, outside of what is removed. */
export class RecordedPrompts implements PromptCounter {
  /** For the environment of the agent. */
  readonly env: Readonly<Record<string, string>>;
  private readonly file: string;

  constructor(folder: string) {
    this.file = join(folder, `prompts-${randomBytes(6).toString('hex')}.jsonl`);
    this.env = { DEMO_RECORD: this.file };
  }

  async close(): Promise<number> {
    const text = await readFile(this.file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    return text.split('\n').filter((line) => line !== '').length;
  }
}

/** Of the leader's container, by the engine's own record of what it wrote: this is what the agent saw. */
export class LoggedPrompts implements PromptCounter {
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
