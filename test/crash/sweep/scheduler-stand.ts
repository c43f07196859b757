import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createEmptyDatabase, createTestDatabase } from '../../support/database';
import { Cell, endInOrder, SLOWNESS, untilReady, type StartedScheduler } from './cell';
import type { StartedProcess } from '../../support/processes';
import { PersistentClient } from './persistent-client';
import type { SchedulerScenario } from './scheduler-scenarios';

const HIT_WITHIN_MS = 60_000 * SLOWNESS;
/** When all is done already, what is passed now and then still comes, ms. */
const PASSED_LATER_WITHIN_MS = 15_000 * SLOWNESS;

/** Where one scenario's cases are played one after the other: a scheduler that is armed, and one that comes to help. */
export class SchedulerStand {
  private cell: Cell | null = null;

  constructor(
    readonly scenario: SchedulerScenario,
    private readonly number: number,
  ) {}

  /** Plays it undisturbed. @returns how often each point was passed */
  async record(): Promise<Map<string, number>> {
    const cell = await this.open();
    const file = join(cell.dataDir, 'passed');
    await this.scenario.before?.(cell);
    const scheduler = await cell.startScheduler('recorder', { CREWTAB_FAILPOINT: `record ${file}` });
    await untilReady(scheduler.process);
    const client = new PersistentClient(cell, scheduler.url, () =>
      Promise.reject(new Error(`no answer from the recorder:\n${scheduler.process.tail()}`)),
    );
    await this.scenario.act(client, cell);
    await endInOrder(scheduler.process);
    await this.expectWell(cell);
    const counts = new Map<string, number>();
    for (const point of (await readFile(file, 'utf8')).trim().split('\n'))
      counts.set(point, (counts.get(point) ?? 0) + 1);
    return counts;
  }

  /** @throws Error that tells the point, what was expected, and the last lines of the logs */
  async play(point: string, action: 'kill' | 'stop'): Promise<void> {
    const cell = await this.open();
    await this.scenario.before?.(cell);
    const armed = await cell.startScheduler('armed', { CREWTAB_FAILPOINT: `${action} ${point}` });
    let helper: StartedScheduler | null = null;
    try {
      const hit = armed.process.waitForLine(/^failpoint /, { timeoutMs: HIT_WITHIN_MS });
      let isAtWork = true;
      const help = hit.then(async () => {
        isAtWork = hasBegunAndNotEnded(armed.process);
        if (action === 'kill') await armed.process.exited;
        helper = await cell.startScheduler('helper');
        await untilReady(helper.process);
        return helper.url;
      });
      const settled = this.settle(cell, armed, help);
      await Promise.race([help, settled.then(() => passedLater(armed, help))]);
      await settled;
      armed.process.kill('SIGCONT');
      await this.end(armed.process, isAtWork);
      await this.expectWell(cell);
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      const logs = `the armed one's last lines:\n${armed.process.tail(12)}\nthe helper's:\n${tailOf(helper)}`;
      throw new Error(`${action} at ${point}, ${this.scenario.name}: ${words}\n${logs}`, { cause: error });
    } finally {
      armed.process.kill('SIGKILL');
      if (helper !== null) await endInOrder((helper as StartedScheduler).process);
    }
  }

  async close(): Promise<void> {
    await this.cell?.close();
    this.cell = null;
  }

  private async settle(cell: Cell, armed: StartedScheduler, help: Promise<string>): Promise<void> {
    // Requests are for a scheduler that has come up; one that dies on the way never does.
    await Promise.race([untilReady(armed.process).catch(() => help), help]);
    await this.scenario.act(new PersistentClient(cell, armed.url, () => help), cell);
  }

  /** One that was stopped in the middle of its start or end may give up: whoever started it starts it again. */
  private async end(process: StartedProcess, isAtWork: boolean): Promise<void> {
    try {
      await endInOrder(process);
    } catch (error) {
      if (isAtWork || !process.hasExited) throw error;
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
    const client = new PersistentClient(cell, scheduler.url, () => Promise.reject(new Error('no answer')));
    await this.scenario.prepare?.(client);
    await endInOrder(scheduler.process);
  }
}

function hasBegunAndNotEnded(process: StartedProcess): boolean {
  const log = process.tail(1_000);
  return log.includes('scheduler ready') && !log.includes('scheduler stops');
}

/** All is done, and the point was not passed: it comes now and then, or when the process ends. */
async function passedLater({ process }: StartedScheduler, hit: Promise<unknown>): Promise<unknown> {
  try {
    return await beforeLong(hit);
  } catch {
    process.kill('SIGTERM');
    return beforeLong(hit);
  }
}

async function beforeLong(hit: Promise<unknown>): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the point was never passed')), PASSED_LATER_WITHIN_MS);
  });
  return Promise.race([hit, late]).finally(() => clearTimeout(timer));
}

function tailOf(scheduler: StartedScheduler | null): string {
  return scheduler?.process.tail(12) ?? 'there was none';
}
