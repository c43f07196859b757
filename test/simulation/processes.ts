import type { HistoryPlan } from './history-plan';
import type { SimProcess } from './sim-process';
import type { Consumer } from './sim-redis';
import { SimScheduler } from './sim-scheduler';
import { SimWorker } from './sim-worker';
import type { ProcessControl, World } from './world';

/** One place where a process of the product runs; when one ends, its supervisor starts the next. */
interface Slot {
  readonly index: number;
  /** Null for a scheduler app. */
  readonly host: number | null;
  wallOffsetMs: number;
  lives: number;
  current: SimWorker | SimScheduler | null;
}

/** A process that cannot start, or stop in time, is ended and started again after so long. */
const SUPERVISOR_MS = 1_000;
const STOP_LIMIT_MS = 9_000;

/** The product's processes, and what befalls them as a whole. */
export class Processes implements ProcessControl {
  private readonly slots: Slot[];
  private isHealed = false;

  constructor(private readonly world: World) {
    const plan: HistoryPlan = world.plan;
    const hosts = [...plan.workers, ...Array.from({ length: plan.schedulers }, () => null)];
    this.slots = hosts.map((host, index) => ({ index, host, wallOffsetMs: 0, lives: 0, current: null }));
  }

  startAll(): void {
    for (const slot of this.slots) this.start(slot);
  }

  consumers(): Consumer[] {
    return this.slots.flatMap(({ current }) => (current instanceof SimWorker && current.isConsuming ? [current] : []));
  }

  crash(process: SimProcess, downMs: number): void {
    const slot = this.slots[process.slot];
    if (slot?.current?.process === process) this.end(slot, downMs);
    else process.die();
  }

  crashSlot(index: number, downMs: number): void {
    const slot = this.slotOf(index);
    if (slot.current) this.end(slot, downMs);
  }

  crashAll(downMs: number): void {
    for (const slot of this.slots) if (slot.current) this.end(slot, downMs);
  }

  freeze(process: SimProcess, ms: number): void {
    if (process.state !== 'up') return;
    process.freeze();
    this.world.disturb(ms);
    this.world.note(process.name, `FROZEN for ${ms} ms`);
    this.world.time.after(ms, () => process.thaw());
  }

  freezeSlot(index: number, ms: number): void {
    const { current } = this.slotOf(index);
    if (current) this.freeze(current.process, ms);
  }

  /** In order: SIGTERM, and the next one a moment later. */
  restartSlot(index: number, downMs: number): void {
    const slot = this.slotOf(index);
    const { current } = slot;
    if (!current || current.isStopping) return;
    this.world.disturb(downMs + STOP_LIMIT_MS);
    const end = (): void => {
      if (slot.current === current) this.end(slot, downMs);
    };
    current.stop().then(end, end);
    this.world.time.after(STOP_LIMIT_MS, end);
  }

  stepClock(index: number, byMs: number): void {
    const slot = this.slotOf(index);
    slot.wallOffsetMs = byMs;
    if (slot.current) slot.current.process.wallOffsetMs = byMs;
  }

  breakConnections(index: number | null): void {
    for (const slot of this.slots) {
      if (index !== null && slot.index !== index) continue;
      if (slot.current instanceof SimWorker) slot.current.breakConnections();
    }
  }

  /** Everything that is down starts, everything that stands still goes on. */
  heal(): void {
    this.isHealed = true;
    for (const slot of this.slots) {
      slot.current?.process.thaw();
      if (!slot.current) this.start(slot);
    }
  }

  private slotOf(index: number): Slot {
    const slot = this.slots[index % this.slots.length];
    if (!slot) throw new RangeError(`no process ${index}`);
    return slot;
  }

  private end(slot: Slot, plannedMs: number): void {
    // An orderly stop can outlast the faults: the next process starts all the same, as those that were down already.
    const downMs = this.isHealed ? Math.min(plannedMs, SUPERVISOR_MS) : plannedMs;
    this.world.note(slot.current?.process.name ?? '', `GONE, back in ${downMs} ms`);
    slot.current?.process.die();
    slot.current = null;
    this.world.disturb(downMs);
    const lives = slot.lives;
    this.world.time.after(downMs, () => {
      if (!slot.current && slot.lives === lives) this.start(slot);
    });
  }

  private start(slot: Slot): void {
    slot.lives++;
    const identity = { slot: slot.index, life: slot.lives, wallOffsetMs: slot.wallOffsetMs };
    const made =
      slot.host === null ? new SimScheduler(this.world, identity) : new SimWorker(this.world, identity, slot.host);
    slot.current = made;
    this.world.note(made.process.name, 'starts');
    made.start().catch((error: unknown) => {
      this.world.note(made.process.name, `could not start: ${String(error)}`);
      if (slot.current === made) this.end(slot, SUPERVISOR_MS);
    });
  }
}
