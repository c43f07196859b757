import type { DelegationStore } from '@crewtab/domain/ports/delegation-store';
import type { Claim, RunStore } from '@crewtab/domain/ports/run-store';
import type { Delegation, DelegationAnswer } from '@crewtab/domain/runs/delegation';
import type { DraftMessage } from '@crewtab/domain/runs/message';

interface Stored {
  delegation: Delegation;
  permitEpoch: number | null;
}

/** The call table without a database. Claims are checked by the run store, which also keeps the messages. */
export class InMemoryDelegationStore implements DelegationStore {
  private readonly byRun = new Map<string, Map<string, Stored>>();

  constructor(private readonly runs: Pick<RunStore, 'load' | 'appendMessages'>) {}

  async openDelegation(claim: Claim, task: Pick<Delegation, 'id' | 'from' | 'to' | 'task'>): Promise<Delegation> {
    const table = await this.table(claim);
    const known = table.get(task.id);
    if (known) return known.delegation;
    const delegation = { ...task, answer: null, isPermitted: false };
    table.set(task.id, { delegation, permitEpoch: null });
    await this.say(claim, task.from, { id: task.id, to: task.to, task: task.task });
    return delegation;
  }

  async permitDelegation(claim: Claim, id: string): Promise<boolean> {
    const stored = await this.find(claim, id);
    stored.permitEpoch ??= claim.epoch;
    stored.delegation = { ...stored.delegation, isPermitted: true };
    return stored.permitEpoch === claim.epoch;
  }

  async answerDelegation(claim: Claim, id: string, answer: DelegationAnswer): Promise<Delegation> {
    const stored = await this.find(claim, id);
    if (stored.delegation.answer) return stored.delegation;
    stored.delegation = { ...stored.delegation, answer };
    await this.say(claim, stored.delegation.to, { id, to: stored.delegation.from, ...answer });
    return stored.delegation;
  }

  async listDelegations(claim: Claim): Promise<Delegation[]> {
    return [...(await this.table(claim)).values()].map(({ delegation }) => delegation);
  }

  private async table(claim: Claim): Promise<Map<string, Stored>> {
    await this.runs.load(claim);
    const table = this.byRun.get(claim.runId) ?? new Map<string, Stored>();
    this.byRun.set(claim.runId, table);
    return table;
  }

  private async find(claim: Claim, id: string): Promise<Stored> {
    const stored = (await this.table(claim)).get(id);
    if (!stored) throw new Error(`no delegation ${id}`);
    return stored;
  }

  private async say(claim: Claim, agent: string, content: DraftMessage['content']): Promise<void> {
    await this.runs.appendMessages(claim, [{ agent, kind: 'delegation', content, at: new Date(0) }]);
  }
}
