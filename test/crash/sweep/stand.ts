import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ApiClient } from '../../kit/client';
import type { Environment } from '../../kit/installation';
import { createTestDatabase } from '../../kit/services/database';
import type { StartedProcess } from '../../kit/processes';
import { Cell, endInOrder, LEASE_MS, SLOWNESS, untilReady } from './cell';
import { SCENARIOS, type Materials, type Place, type Scenario } from './scenarios';

const RECORDERS_LEASE_MS = 60_000;
const ENDED_WITHIN_MS = 180_000 * SLOWNESS;

/**
 * Where cases are played one after the other: a healthy scheduler, a healthy worker that only ever adopts, and a worker
 * that is armed anew for each case, and started anew when it has been killed.
 */
export class Stand {
  private armedOne: { readonly process: StartedProcess; readonly key: string } | null = null;
  private armedCount = 0;
  private fillerRunId: string | null = null;

  private constructor(
    readonly place: Place,
    readonly cell: Cell,
    readonly api: ApiClient,
    readonly adopter: StartedProcess,
    readonly materials: Materials,
    private readonly healthy: readonly StartedProcess[],
  ) {}

  static async open(place: Place, number: number, materials: Materials): Promise<Stand> {
    const cell = await Cell.make(number, await createTestDatabase());
    const { process: scheduler, api } = await cell.startScheduler(`scheduler ${number}`, {
      env: { CREWTAB_RUNTIME: place },
    });
    await untilReady(scheduler);
    const env = { CREWTAB_RUNTIME: place, WORKER_CONCURRENCY: '1' };
    const adopter = await untilReady(cell.start('worker', `adopter ${number}`, { env }));
    const stand = new Stand(place, cell, api, adopter, materials, [scheduler, adopter]);
    return stand;
  }

  /**
   * A worker that obeys the order, taking one run at a time.
   * @param isFresh true: one that has done nothing yet, so that points of its start are passed
   */
  async arm(order: string, scenario: Scenario, isFresh: boolean): Promise<StartedProcess> {
    const own = scenario.env?.(this.materials) ?? {};
    const key = JSON.stringify(own);
    const file = join(this.cell.dataDir, 'order');
    const present = this.armedOne;
    const isUsable = present && !isFresh && present.key === key && !present.process.hasExited;
    if (present && !isUsable) await this.disarm();
    await writeFile(file, order);
    if (present && isUsable) return present.process;
    const process = this.startArmed(`follow ${file}`, own);
    this.armedOne = { process, key };
    return process;
  }

  /** A worker that writes down every point that it passes. It must not lose its run, however busy the machine is. */
  startRecorder(file: string, scenario: Scenario): StartedProcess {
    const own = scenario.env?.(this.materials) ?? {};
    return this.startArmed(`record ${file}`, { ...own, WORKER_LEASE: `${RECORDERS_LEASE_MS}ms` });
  }

  /** Ends the armed worker, which must be able to end in order if it still lives, and has not come to its point just now. */
  async disarm(): Promise<void> {
    const { armedOne } = this;
    this.armedOne = null;
    await writeFile(join(this.cell.dataDir, 'order'), '');
    if (!armedOne) return;
    await endInOrder(armedOne.process).catch((error: unknown) => {
      if (!armedOne.process.lines.some((line) => /^failpoint .* hit: kill$/.test(line))) throw error;
    });
  }

  async close(): Promise<void> {
    try {
      await this.disarm();
      await this.endFiller();
      for (const process of [...this.healthy].reverse()) await endInOrder(process);
    } finally {
      await this.cell.close();
    }
  }

  private startArmed(failpoint: string, own: Environment): StartedProcess {
    this.armedCount += 1;
    const env = {
      CREWTAB_RUNTIME: this.place,
      WORKER_CONCURRENCY: '1',
      WORKER_LEASE: `${LEASE_MS}ms`,
      CREWTAB_ALIVE_FILE: join(this.cell.dataDir, `alive-${this.armedCount}`),
      CREWTAB_FAILPOINT: failpoint,
      ...own,
    };
    return this.cell.start('worker', `armed ${this.armedCount}`, { env });
  }

  /** With a run that never ends, which leaves no capacity for anything but what it adopts. */
  async keepAdopterBusy(): Promise<void> {
    const { api, materials, place } = this;
    const scenario = SCENARIOS.find((one) => one.place === place);
    const team = await api.createTeam({ name: 'Filler', agents: scenario?.agents(materials) ?? [] });
    const schedule = { teamId: team.id, name: 'filler', prompt: 'hang', cron: '0 0 1 1 *', timeout: '3h' };
    const { id } = await api.trigger((await api.createSchedule(schedule)).id);
    this.fillerRunId = id;
    await api.untilRun(id, ({ phase }) => phase === 'monitoring');
  }

  /** Its agent would outlive everything else. */
  private async endFiller(): Promise<void> {
    if (this.fillerRunId === null) return;
    await this.api.cancel(this.fillerRunId);
    await this.api.untilFinished(this.fillerRunId, ENDED_WITHIN_MS);
  }
}
