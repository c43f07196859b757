import type { Action } from './crash-case';
import type { Turns } from './turns';

/** Each write to an agent's stdin is of another kind (handshake, session, prompt): all are swept, of others the first. */
const EVERY_VISIT = /(stdin|agent-channel)\.write:/;

interface Closable {
  close(): Promise<void>;
}

/** How one kind of scenario is played on its stands. */
export interface Play<S, X> {
  /** Undisturbed. @returns how often each point was passed */
  record(scenario: X, stand: S): Promise<Map<string, number>>;
  /** With a crash at one visit of a point. @throws Error that tells what went wrong */
  crash(scenario: X, stand: S, point: string, action: Action, visit: number): Promise<void>;
}

/** A scenario that was played undisturbed. */
export interface Recorded {
  readonly counts: ReadonlyMap<string, number>;
  /** Puts a case in the queue of the scenario's lane. @returns what goes wrong in it */
  add(point: string, action: Action): Promise<Error | null>;
}

/** Stands on which the cases of some scenarios are played side by side, as soon as one is free. */
export class Lane<S extends Closable, X extends { readonly name: string }> {
  private readonly queue: ((stand: S) => Promise<void>)[] = [];

  constructor(
    private readonly stands: readonly S[],
    private readonly scenarios: readonly X[],
    private readonly play: Play<S, X>,
    /** Of all lanes together. */
    private readonly turns: Turns,
  ) {}

  /** In the order of the scenarios. */
  async record(): Promise<Recorded[]> {
    const recorded = new Map<X, Recorded>();
    for (const scenario of this.scenarios)
      this.queue.push(async (stand) => {
        const counts = await this.play.record(scenario, stand);
        recorded.set(scenario, { counts, add: (point, action) => this.add(scenario, counts, point, action) });
      });
    await this.work();
    return this.scenarios.flatMap((scenario) => recorded.get(scenario) ?? []);
  }

  /** Plays what was added. Rejects only for a fault of the sweep itself. */
  async work(): Promise<void> {
    await Promise.all(
      this.stands.map(async (stand) => {
        while (this.queue.length > 0)
          await this.turns.take(async () => {
            await this.queue.shift()?.(stand);
          });
      }),
    );
  }

  async close(): Promise<void> {
    const closed = await Promise.allSettled(this.stands.map((stand) => stand.close()));
    for (const one of closed) if (one.status === 'rejected') throw one.reason;
  }

  private add(scenario: X, counts: ReadonlyMap<string, number>, point: string, action: Action): Promise<Error | null> {
    const visits = EVERY_VISIT.test(point) ? (counts.get(point) ?? 1) : 1;
    return new Promise((resolve) => {
      this.queue.push(async (stand) => {
        const startedAt = performance.now();
        let failure: Error | null = null;
        for (let visit = 1; visit <= visits && failure === null; visit++)
          failure = await outcomeOf(this.play.crash(scenario, stand, point, action, visit));
        report(`${action} at ${point}, ${scenario.name}`, failure, performance.now() - startedAt);
        resolve(failure);
      });
    });
  }
}

function outcomeOf(played: Promise<void>): Promise<Error | null> {
  return played.then(
    () => null,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  );
}

/** Failures at once, and not only when all is over; with CRASH_VERBOSE every case. */
function report(title: string, failure: Error | null, tookMs: number): void {
  if (failure === null && process.env.CRASH_VERBOSE === undefined) return;
  process.stderr.write(`${failure?.message ?? `${title}: held`} (${Math.round(tookMs)} ms)\n`);
}
