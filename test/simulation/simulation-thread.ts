import { parentPort, workerData } from 'node:worker_threads';
import { runBatch, type BatchResult } from './batch';

/** What a thread tells: that it went on, and at last what came out. */
export type ThreadMessage = { readonly done: number } | { readonly result: BatchResult };

const TELL_EVERY = 25;

async function main(): Promise<void> {
  let done = 0;
  const tell = (message: ThreadMessage): void => parentPort?.postMessage(message);
  const result = await runBatch(workerData as readonly number[], () => {
    if (++done % TELL_EVERY === 0) tell({ done: TELL_EVERY });
  });
  tell({ done: done % TELL_EVERY });
  tell({ result });
}

void main();
