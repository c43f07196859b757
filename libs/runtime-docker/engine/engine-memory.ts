import type { IncomingMessage } from 'node:http';
import { type EngineClient, readJsonLines, EngineRefusal } from './engine-client';

/** How many events an engine remembers; moby daemon/events/events.go, `eventsLimit`. It forgets them all when it ends. */
const REMEMBERED = 256;
/** Seconds since 1970. Not 0 and not absent, which mean "no past events". */
const EVER = 1;
/** A small file that every engine puts into every container. */
const SMALL_FILE = '/etc/hostname';

/**
 * Whether the engine that answers now was there at that instant of its own clock, and so has read what was said until
 * then: it remembers something older. True as well where it cannot tell: so much happened that it has forgotten.
 * @param instant as the engine writes it (RFC 3339)
 */
export async function wasThereAt(engine: EngineClient, instant: string): Promise<boolean> {
  const at = Date.parse(instant);
  // The year 1: it does not know the instant, and was not there.
  if (at < 0) return false;
  try {
    const older = await recall(engine, at + 1, 1);
    if (older.events > 0) return true;
    return (await recall(engine, older.answeredAt + 1_000, REMEMBERED)).events === REMEMBERED;
  } catch (error) {
    // An engine that does not tell its events, perhaps behind a proxy.
    if (error instanceof EngineRefusal) return true;
    throw error;
  }
}

/**
 * Sees to it that the engine remembers something from about now: one that was started anew and had nothing to do since
 * could not say later that it was there. Reading a file is an event to it.
 * @param now by the engine's clock, ms since 1970
 */
export async function leaveTrace(engine: EngineClient, handle: string, now: number): Promise<void> {
  try {
    if ((await recall(engine, now, 1)).events > 0) return;
    await engine.read(`read a file of ${handle}`, async (abortSignal) => {
      const file = await engine.docker.getContainer(handle).getArchive({ path: SMALL_FILE, abortSignal });
      for await (const _chunk of file) continue;
    });
  } catch (error) {
    // The container or the file is not there, or cannot be read now: an engine without a trace of it is believed less
    // later, and that is no reason to fail a run that is well.
    if (!(error instanceof EngineRefusal)) throw error;
  }
}

/** When an answer of the engine was given, by its own clock and to the second; ms since 1970. */
export function answeredAt({ headers }: IncomingMessage): number {
  return Date.parse(headers.date ?? '') || Date.now();
}

/**
 * How much the engine remembers from before an instant; it counts no further than `limit`. An instant that is still to
 * come is waited for.
 */
function recall(
  engine: EngineClient,
  untilMs: number,
  limit: number,
): Promise<{ readonly events: number; readonly answeredAt: number }> {
  return engine.read('read past events', async (abortSignal) => {
    const options = { since: EVER, until: untilMs / 1_000, abortSignal };
    const answer = (await engine.docker.getEvents(options)) as unknown as IncomingMessage;
    let events = 0;
    for await (const _event of readJsonLines(answer)) if (++events === limit) break;
    return { events, answeredAt: answeredAt(answer) };
  });
}
