import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createEmptyDatabase, createTestDatabase } from '../../kit/services/database';
import { Cell, endInOrder, SLOWNESS, untilEndedInOrder, untilReady } from './cell';
import type { StartedScheduler } from '../../kit/installation';
import type { StartedProcess } from '../../kit/processes';
import type { Action } from './crash-case';
import { PersistentClient } from './persistent-client';
import type { SchedulerScenario } from './scheduler-scenarios';

const HIT_WITHIN_MS = 300_000 * SLOWNESS;
/** When all is done already, what is passed now and then still comes, ms. */
const PASSED_LATER_WITHIN_MS = 15_000 * SLOWNESS;

/** A scheduler that obeys the order in a file, which may be written while it works. */
interface Follower extends StartedScheduler {
  readonly order: string;
}

/**
 * Where one scenario's cases are played one after the other: a scheduler that is armed, and one that comes to help, which
 * is the armed one of the next case.
 */
export class SchedulerStand {
  private cell: Cell | null = null;
  private present: Follower | null = null;
  private followers = 0;

  constructor(
    readonly scenario: SchedulerScenario,
    private readonly number: number,
    /** Points that a scheduler passes after its start and before its end: for all stands of the scenario. */
    private readonly atWork: Set<string>,
  ) {}

  /** Plays it undisturbed. @returns how often each point was passed */
  async record(): Promise<Map<string, number>> {
    const cell = await this.open();
    const file = join(cell.dataDir, 'passed');
    await this.scenario.before?.(cell);
    const scheduler = await cell.startScheduler('recorder', { env: { CREWTAB_FAILPOINT: `record ${file}` } });
    await untilReady(scheduler.process);
    const atReady = (await passedIn(file)).length;
    await this.scenario.act(new PersistentClient(cell, scheduler.url), cell);
    for (const point of (await passedIn(file)).slice(atReady)) this.atWork.add(point);
    await endInOrder(scheduler.process);
    await this.expectWell(cell);
    const counts = new Map<string, number>();
    for (const point of await passedIn(file)) counts.set(point, (counts.get(point) ?? 0) + 1);
    return counts;
  }

  /** @throws Error that tells the point, what was expected, and the last lines of the logs */
  async play(point: string, action: Action): Promise<void> {
    const isStart = this.scenario.startsEmpty === true || !this.atWork.has(point);
    // What is passed now and then may not be passed again by one that has been at work for long.
    if (!isStart && (await this.tryPlay(point, action, false))) return;
    if (!(await this.tryPlay(point, action, true)))
      throw new Error(`${action} at ${point}, ${this.scenario.name}: the point was never passed`);
  }

  async close(): Promise<void> {
    try {
      await this.dismiss();
    } finally {
      await this.cell?.close();
      this.cell = null;
    }
  }

  /** @returns false if all was done without passing the point */
  private async tryPlay(point: string, action: Action, isStart: boolean): Promise<boolean> {
    const cell = await this.open();
    // Before it is armed: one that is at work may pass the point at once.
    const from = isStart ? 0 : (this.present?.process.lines.length ?? 0);
    const armed = await this.arm(cell, `${action} ${point}`, isStart);
    let helper: Follower | null = null;
    let isToldToEnd = false;
    let isGivenUp = false;
    const tellToEnd = (): void => {
      isToldToEnd = true;
      // A point of the end is played in a start of its own.
      armed.process.kill(isStart ? 'SIGTERM' : 'SIGKILL');
    };
    try {
      const hit = armed.process.waitForLine(/^failpoint /, { from, timeoutMs: HIT_WITHIN_MS });
      const help = hit.then(async () => {
        if (action === 'kill') await armed.process.exited;
        helper = await this.startFollower(cell, '');
        // No case would end it any more, and it would do what the next one is to be caught at.
        if (isGivenUp) helper.process.kill('SIGKILL');
        await untilReady(helper.process);
        return helper.url;
      });
      help.catch(() => undefined);
      const settled = this.settle(cell, armed, help);
      settled.catch(() => undefined);
      const passedInTime = settled.then(() => passedLater(hit, isStart, tellToEnd));
      if (!(await Promise.race([hit.then(() => true), passedInTime]))) {
        isGivenUp = true;
        return false;
      }
      await Promise.all([help, settled]);
      const mayGiveUp = isToldToEnd || !hasBegun(armed.process);
      armed.process.kill('SIGCONT');
      await this.end(armed.process, isToldToEnd, mayGiveUp);
      await this.expectWell(cell);
      this.present = helper;
      return true;
    } catch (error) {
      isGivenUp = true;
      const words = error instanceof Error ? error.message : String(error);
      const logs = `the armed one's last lines:\n${armed.process.tail(12)}\nthe helper's:\n${tailOf(helper)}`;
      for (const one of [armed, helper as Follower | null]) one?.process.kill('SIGKILL');
      throw new Error(`${action} at ${point}, ${this.scenario.name}: ${words}\n${logs}`, { cause: error });
    }
  }

  /** The helper of the case before, or a new one, which passes what belongs to a start. */
  private async arm(cell: Cell, order: string, isStart: boolean): Promise<Follower> {
    if (isStart) await this.dismiss();
    const { present } = this;
    this.present = null;
    // The order comes first: one that is at work already may see at once what is to be done.
    if (present) await writeFile(present.order, order);
    await this.scenario.before?.(cell);
    return present ?? (await this.startFollower(cell, order));
  }

  private async startFollower(cell: Cell, order: string): Promise<Follower> {
    const number = ++this.followers;
    const file = join(cell.dataDir, `order-${number}`);
    await writeFile(file, order);
    return {
      ...(await cell.startScheduler(`scheduler ${number}`, { env: { CREWTAB_FAILPOINT: `follow ${file}` } })),
      order: file,
    };
  }

  /** It must be able to end in order. */
  private async dismiss(): Promise<void> {
    const { present } = this;
    this.present = null;
    if (!present) return;
    await writeFile(present.order, '');
    await endInOrder(present.process);
  }

  private async settle(cell: Cell, armed: StartedScheduler, help: Promise<string>): Promise<void> {
    // Requests are for a scheduler that has come up; one that dies on the way never does.
    await Promise.race([untilReady(armed.process).catch(() => help), help]);
    await this.scenario.act(new PersistentClient(cell, armed.url, help), cell);
  }

  /** One that was stopped in the middle of its start or end may give up: its supervisor starts it again. */
  private async end(process: StartedProcess, isToldToEnd: boolean, mayGiveUp: boolean): Promise<void> {
    try {
      // A second SIGTERM would cut the rest of its end short.
      await (isToldToEnd ? untilEndedInOrder(process) : endInOrder(process));
    } catch (error) {
      if (!mayGiveUp || !process.hasExited) throw error;
    }
  }

  private async expectWell(cell: Cell): Promise<void> {
    const problems = await this.scenario.judge(cell);
    if (problems.length > 0) throw new Error(`expected that ${problems.join('; that ')}`);
  }

  private async open(): Promise<Cell> {
    if (this.cell && !this.scenario.startsEmpty) return this.cell;
    await this.close();
    this.cell = await Cell.make(
      this.number,
      await (this.scenario.startsEmpty ? createEmptyDatabase() : createTestDatabase()),
    );
    if (this.scenario.prepare) await this.prepare(this.cell);
    return this.cell;
  }

  private async prepare(cell: Cell): Promise<void> {
    const scheduler = await cell.startScheduler('preparing');
    await untilReady(scheduler.process);
    await this.scenario.prepare?.(new PersistentClient(cell, scheduler.url));
    await endInOrder(scheduler.process);
  }
}

/** What it says after it may reach us later than the word of the crash point: logs are written behind. */
function hasBegun(process: StartedProcess): boolean {
  return process.tail(1_000).includes('scheduler ready');
}

/** All is done, and the point was not passed: it comes now and then, or when the process ends. */
async function passedLater(hit: Promise<unknown>, mayEnd: boolean, tellToEnd: () => void): Promise<boolean> {
  if (await isBeforeLong(hit)) return true;
  tellToEnd();
  return mayEnd && (await isBeforeLong(hit));
}

async function isBeforeLong(hit: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), PASSED_LATER_WITHIN_MS)));
  return Promise.race([hit.then(() => true), late]).finally(() => clearTimeout(timer));
}

async function passedIn(file: string): Promise<string[]> {
  return (await readFile(file, 'utf8')).trim().split('\n');
}

function tailOf(scheduler: StartedScheduler | null): string {
  return scheduler?.process.tail(12) ?? 'there was none';
}
