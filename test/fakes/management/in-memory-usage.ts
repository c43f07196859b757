import type { UsageReport, UsageRequest, UsageStore } from '@crewtab/domain/ports/usage-store';
import { addUpCells } from '@crewtab/domain/runs/usage-sums';

/** Answers what a test lays into it; the statements behind the real one have tests of their own. */
export class InMemoryUsage implements UsageStore {
  readonly asked: { readonly organizationId: string; readonly request: UsageRequest }[] = [];
  report: Partial<UsageReport> = {};

  sumUsage(organizationId: string, request: UsageRequest): Promise<UsageReport> {
    this.asked.push({ organizationId, request });
    const nothing = { total: addUpCells([], 'runs'), days: new Map(), groups: [], others: null };
    return Promise.resolve({ ...nothing, ...this.report });
  }
}
