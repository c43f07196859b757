import type { Clock } from '@crewtab/domain/ports/clock';
import type { Found, Overview, OverviewStore } from '@crewtab/domain/ports/overview-store';
import { isTerminal, type Acknowledgement, type Run } from '@crewtab/domain/runs/run';
import { addUpCells } from '@crewtab/domain/runs/usage-sums';

import type { InMemoryCatalog } from './in-memory-catalog';

/** Answers what a test lays into it; the statements behind the real one have tests of their own. */
export class InMemoryOverview implements OverviewStore {
  readonly asked: { readonly organizationId: string; readonly since: Date }[] = [];
  readonly acknowledged = new Map<string, Acknowledgement>();
  parts: Partial<Overview> = {};

  constructor(
    private readonly runs: { getRun(organizationId: string, id: string): Promise<Run | null> },
    private readonly catalog: Pick<InMemoryCatalog, 'listSchedules' | 'listTeams'>,
    private readonly clock: Clock,
  ) {}

  readOverview(organizationId: string, since: Date): Promise<Overview> {
    this.asked.push({ organizationId, since });
    return Promise.resolve({
      at: this.clock.now(),
      ...{ needsPerson: [], faults: [], active: [], due: [] },
      digest: { counts: {}, isComplete: true, usage: addUpCells([], 'runs'), runs: [] },
      health: { liveWorkers: 0, capacity: 0, heldRuns: 0, unresponsiveHosts: 0, liveSchedulers: 0 },
      ...this.parts,
    });
  }

  async search(organizationId: string, text: string): Promise<{ schedules: Found[]; teams: Found[] }> {
    const has = ({ name }: Found): boolean => name.toLowerCase().includes(text.toLowerCase());
    const page = { limit: 10, cursor: null };
    const [schedules, teams] = await Promise.all([
      this.catalog.listSchedules(organizationId, {}, page),
      this.catalog.listTeams(organizationId, page),
    ]);
    return { schedules: schedules.items.filter(has), teams: teams.items.filter(has) };
  }

  async acknowledge(
    organizationId: string,
    runId: string,
    keyId: string,
    note: string | null,
  ): Promise<Acknowledgement | 'open' | null> {
    const run = await this.runs.getRun(organizationId, runId);
    if (!run) return null;
    if (!isTerminal(run.status)) return 'open';
    const made = { at: this.clock.now(), by: keyId, note };
    this.acknowledged.set(runId, made);
    return made;
  }
}
