import { AppError } from '@crewtab/domain/errors';
import type { Clock } from '@crewtab/domain/ports/clock';
import type { CallFault } from './history-plan';
import { SeededRandom } from '../kit/random';
import type { VirtualTime } from './virtual-time';

/** What a process can reach outside of itself. */
export type Port =
  | 'store'
  | 'fires'
  | 'delegations'
  | 'runtime'
  | 'channel'
  | 'queue'
  | 'jobSchedulers'
  /** The two that are folders of the process's own host. */
  | 'toolServer'
  | 'egressProxy'
  /** A folder that all share. */
  | 'artifacts';

export interface PlannedCallFault {
  readonly fault: CallFault;
  readonly ms: number;
}

/** What a process needs of the world around it. */
export interface ProcessWorld {
  readonly time: VirtualTime;
  readonly slowCalls: number;
  note(who: string, text: string): void;
  /** The fault planned for this call, if any; counts the call. */
  takeFault(call: string): PlannedCallFault | null;
  isCut(process: SimProcess, port: Port): boolean;
  crash(process: SimProcess, downMs: number): void;
  freeze(process: SimProcess, ms: number): void;
  /** Something is out of order until so many ms from now. */
  disturb(ms: number): void;
  /** So many ms, or less where all faults end before. */
  hang(ms: number): Promise<void>;
}

const LONGEST_SLOW_CALL_MS = 40;
/** How long a driver waits for an answer that never comes, ms: in real workers it is minutes, and histories are short. */
export const STEP_LIMIT_MS = 20_000;
/** Until another process goes on in its place, ms. */
const GIVEN_UP_AFTER_MS = STEP_LIMIT_MS + 5_000;

/**
 * One operating-system process. All that enters it (timers, replies, notifications) and all that leaves it (calls of
 * ports) passes here, so that a process that died has no effect any more and one that stands still acts late. What
 * was already under way to the outside takes effect nevertheless, as bytes in a socket do.
 */
export class SimProcess {
  state: 'up' | 'frozen' | 'gone' = 'up';
  /** Until then only the adapters limit its calls, and a start that fails ends it. */
  hasStarted = false;
  /** How far its wall clock is off the true time. */
  wallOffsetMs = 0;
  private readonly atThaw: (() => void)[] = [];
  private readonly atEnd: (() => void)[] = [];
  private readonly random: SeededRandom;

  constructor(
    private readonly world: ProcessWorld,
    readonly name: string,
    /** Which place it takes; its successor takes the same. */
    readonly slot: number,
    seed: number,
  ) {
    this.random = new SeededRandom(seed);
  }

  /** Timers of a process that stands still ring when it goes on. */
  readonly clock: Clock = {
    now: () => new Date(this.world.time.now().getTime() + this.wallOffsetMs),
    monotonicMs: () => this.world.time.monotonicMs(),
    after: (delayMs, callback) => {
      let isCancelled = false;
      const ring = (): void => {
        if (!isCancelled) callback();
      };
      const cancel = this.world.time.after(delayMs, () => this.enter(ring));
      return () => {
        isCancelled = true;
        cancel();
      };
    },
  };

  /** Lets something happen inside the process: now, when it goes on, or never. */
  enter(work: () => void): void {
    if (this.state === 'up') work();
    else if (this.state === 'frozen') this.atThaw.push(work);
  }

  /** Called when the process ends, in whatever way: closes what the operating system closes. */
  whenGone(close: () => void): void {
    this.atEnd.push(close);
  }

  die(): void {
    if (this.state === 'gone') return;
    this.state = 'gone';
    for (const close of this.atEnd) close();
  }

  freeze(): void {
    if (this.state === 'up') this.state = 'frozen';
  }

  /** What came meanwhile enters in its order, one after the other. */
  thaw(): void {
    if (this.state !== 'frozen') return;
    this.state = 'up';
    for (const work of this.atThaw.splice(0)) this.world.time.after(0, () => this.enter(work));
  }

  /** One call to the outside, with whatever befalls it. */
  call<T>(port: Port, method: string, effect: () => Promise<T>): Promise<T> {
    if (this.state === 'gone') return never();
    if (this.state === 'frozen') return this.untilUp().then(() => this.call(port, method, effect));
    const fault = this.world.takeFault(`${port}.${method}`);
    if (fault) return this.disturbed(port, method, effect, fault);
    return this.reach(port, effect);
  }

  /** Hands a promise of the outside over to the process. */
  async receive<T>(outside: Promise<T>): Promise<T> {
    try {
      const value = await outside;
      if (this.state !== 'up') await this.untilUp();
      return value;
    } catch (error) {
      if (this.state !== 'up') await this.untilUp();
      throw error;
    }
  }

  private reach<T>(port: Port, effect: () => Promise<T>): Promise<T> {
    if (this.world.isCut(this, port)) return this.receive(Promise.reject(unreachable(port)));
    const { slowCalls } = this.world;
    if (slowCalls === 0 || !this.random.isTrue(slowCalls)) return this.receive(effect());
    const [before, after] = [this.random.int(0, LONGEST_SLOW_CALL_MS), this.random.int(0, LONGEST_SLOW_CALL_MS)];
    return this.receive(
      this.pause(before).then(async () => {
        const value = await effect();
        await this.pause(after);
        return value;
      }),
    );
  }

  private disturbed<T>(
    port: Port,
    method: string,
    effect: () => Promise<T>,
    { fault, ms }: PlannedCallFault,
  ): Promise<T> {
    const { world } = this;
    world.note(this.name, `FAULT ${fault} (${ms} ms) at ${port}.${method}`);
    world.disturb(fault === 'late' ? 2 * ms : ms);
    switch (fault) {
      case 'fail':
        return this.receive(Promise.reject(unreachable(port)));
      case 'lose':
        return this.receive(effect().then(() => Promise.reject(unreachable(port))));
      case 'late':
        void world
          .hang(2 * ms)
          .then(effect)
          .catch(() => undefined);
        return this.receive(world.hang(ms).then(() => Promise.reject(unreachable(port))));
      case 'stall':
        return this.receive(world.hang(ms).then(effect));
      case 'stallReply':
        return this.receive(effect().then((value) => world.hang(ms).then(() => value)));
      case 'never': {
        world.disturb(GIVEN_UP_AFTER_MS);
        const giveUp = (): Promise<never> => world.hang(STEP_LIMIT_MS).then(() => Promise.reject(unreachable(port)));
        return this.receive(this.hasStarted ? effect().then(never<T>, never<T>) : effect().then(giveUp, giveUp));
      }
      case 'double':
        return this.receive(effect().then(effect, effect));
      case 'crashBefore':
        world.crash(this, ms);
        return never();
      case 'crashAfter': {
        const crash = (): void => world.crash(this, ms);
        effect().then(crash, crash);
        return never();
      }
      case 'freezeBefore':
        world.freeze(this, ms);
        return this.untilUp().then(() => this.reach(port, effect));
      case 'freezeAfter': {
        const freeze = (): void => world.freeze(this, ms);
        const done = effect();
        done.then(freeze, freeze);
        return this.receive(done);
      }
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.world.time.after(ms, resolve));
  }

  private untilUp(): Promise<void> {
    return new Promise((resolve) => this.enter(resolve));
  }
}

function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}

function unreachable(port: Port): Error {
  if (port === 'toolServer' || port === 'egressProxy')
    return new AppError('start_failed', 'EMFILE: too many open files', { retryable: true });
  if (port === 'artifacts') return new AppError('artifact_store_unreachable', 'EIO: i/o error', { retryable: true });
  if (port === 'queue' || port === 'jobSchedulers') return new Error('Redis did not answer');
  const isEngine = port === 'runtime' || port === 'channel';
  return new AppError(isEngine ? 'engine_unreachable' : 'store_unreachable', `no answer (${port})`, {
    retryable: true,
  });
}
