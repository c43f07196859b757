import { errorMessage, type Failure } from '@crewtab/domain/errors';
import type { Clock } from '@crewtab/domain/ports/clock';
import type { Leftover, ResourceCounts, Runtime } from '@crewtab/domain/ports/runtime';
import type { ToolServer } from '@crewtab/domain/ports/tool-server';
import { answerWithin } from '../waiting';

/**
 * How long a removal is waited for, ms, beside the stop grace. An adapter's own limits may add up to more, but a run
 * must converge within a minute (I15). The call itself goes on, and the next attempt finds what it removed.
 */
export const TEARDOWN_LIMIT_MS = 30_000;
/** How many removals one loop has under way at once, so that one that hangs does not hold up the others. */
const REMOVALS_AT_ONCE = 4;

export interface RemovalDeps {
  readonly runtime: Pick<Runtime, 'teardown'>;
  /** Null where leaders get no team tools. */
  readonly toolServer: Pick<ToolServer, 'remove'> | null;
  readonly clock: Clock;
}

/** What one attempt to remove a run came to. */
export type Removal =
  /** The engine was asked again and shows nothing with the run's label; the folder of its tool session is gone too. */
  | { readonly kind: 'clean'; readonly removed: ResourceCounts }
  /** The engine still shows something, or the folder of the tool session could not be removed. */
  | {
      readonly kind: 'leftover';
      readonly removed: ResourceCounts;
      readonly left: readonly Leftover[];
      readonly failure: Failure;
    }
  /** The engine refused (`error`) or did not answer in time (null): what stands is not known. */
  | { readonly kind: 'unanswered'; readonly failure: Failure; readonly error: Error | null };

/**
 * One attempt to remove everything of a run from this host. Idempotent and safe beside another attempt: drivers, the
 * reaper and a host that comes back may all be at it. Never throws, and answers after TEARDOWN_LIMIT_MS plus the grace
 * at the latest. A crash right here leaves the pending teardown in the database, and the next worker tries again.
 */
export async function removeRun(
  deps: RemovalDeps,
  installationId: string,
  runId: string,
  graceMs: number,
): Promise<Removal> {
  const limitMs = TEARDOWN_LIMIT_MS + graceMs;
  try {
    const removal = await answerWithin(deps.clock, limitMs, remove(deps, installationId, runId, graceMs));
    return removal?.answer ?? unanswered(`the engine did not answer within ${limitMs} ms`, null);
  } catch (error) {
    return unanswered(errorMessage(error), error instanceof Error ? error : new Error(String(error)));
  }
}

/** Removes from several runs side by side: takes what `next` gives until it gives null. Rejects with the first failure. */
export async function removeSideBySide<T>(
  next: () => Promise<T | null> | T | null,
  remove: (one: T) => Promise<void>,
): Promise<void> {
  const lane = async (): Promise<void> => {
    for (let one = await next(); one !== null; one = await next()) await remove(one);
  };
  await Promise.all(Array.from({ length: REMOVALS_AT_ONCE }, lane));
}

async function remove(
  { runtime, toolServer }: RemovalDeps,
  installationId: string,
  runId: string,
  graceMs: number,
): Promise<Removal> {
  const { removed, left } = await runtime.teardown(installationId, runId, { graceMs });
  if (left.length > 0) return leftover(removed, left);
  try {
    // Only after the agents are gone: one that still runs may be calling its tools.
    await toolServer?.remove(runId);
  } catch (error) {
    return leftover(removed, [{ kind: 'directory', name: 'of the tool session', reason: errorMessage(error) }]);
  }
  return { kind: 'clean', removed };
}

function leftover(removed: ResourceCounts, left: readonly Leftover[]): Removal {
  const words = left.map(({ kind, name, reason }) => `${kind} ${name}: ${reason}`).join('; ');
  return {
    kind: 'leftover',
    removed,
    left,
    failure: { code: 'teardown_failed', message: `still there: ${words}` },
  };
}

function unanswered(message: string, error: Error | null): Removal {
  return { kind: 'unanswered', failure: { code: 'teardown_failed', message }, error };
}
