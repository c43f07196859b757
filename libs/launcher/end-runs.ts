import type { ApiClient } from '@crewtab/api-client/api-client';
import type { RunView } from '@crewtab/api-contract/run-routes';
import type { Terminal } from './terminal';

/** A run that cannot be torn down by then is left to the next start, which goes on with it, ms. */
const PATIENCE_MS = 12_000;
const LOOK_EVERY_MS = 200;

/**
 * Cancels what is still going on, and waits until it is torn down: what this start brought shall not outlive it.
 * Failures are reported and not retried: a person who pressed Ctrl-C wants to get out.
 */
export async function endRuns(api: ApiClient, terminal: Terminal): Promise<void> {
  try {
    const active = await activeRuns(api);
    if (active.length === 0) return;
    terminal.step(
      `ending ${active.length === 1 ? 'the run' : `${active.length} runs`} that ${active.length === 1 ? 'is' : 'are'} under way`,
    );
    const unfinished = active.filter(({ status }) => status === 'queued' || status === 'running');
    // One that ended by itself in between is refused, which is as good.
    await Promise.allSettled(unfinished.map(({ id }) => api.request('POST /runs/:id/cancel', { params: { id } })));
    const isClean = await waitFor(async () => (await activeRuns(api)).length === 0);
    if (!isClean) terminal.warn('a run could not be torn down in time; the next start goes on with it');
  } catch (error) {
    terminal.warn(`could not end the runs under way: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Those whose containers may still be there: not terminal, or not torn down. */
async function activeRuns(api: ApiClient): Promise<RunView[]> {
  const { items } = await api.request('GET /runs', { query: { limit: 100 } });
  return items.filter(({ phase }) => phase !== 'finished');
}

async function waitFor(isTrue: () => Promise<boolean>): Promise<boolean> {
  for (const endAt = Date.now() + PATIENCE_MS; Date.now() < endAt;) {
    if (await isTrue()) return true;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  return false;
}
