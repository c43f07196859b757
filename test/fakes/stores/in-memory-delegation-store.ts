import type { DelegationStore } from '@crewtab/domain/ports/delegation-store';
import type { Claim, RunStore } from '@crewtab/domain/ports/run-store';
import { AppError } from '@crewtab/domain/errors';
import {
  charsOfAnswer,
  MOST_JOINED_CALLS,
  MOST_NOTES,
  type Delegation,
  type DelegationAnswer,
  type KnownDelegation,
  type TeamNote,
} from '@crewtab/domain/runs/delegation';
import type { DraftMessage } from '@crewtab/domain/runs/message';

interface Stored {
  delegation: Delegation;
  permitEpoch: number | null;
}

/** The call table without a database. Claims are checked by the run store, which also keeps the messages. */
export class InMemoryDelegationStore implements DelegationStore {
  private readonly byRun = new Map<string, Map<string, Stored>>();

  constructor(
    private readonly runs: Pick<RunStore, 'load' | 'appendMessages'> & {
      messages(runId: string): readonly DraftMessage[];
    },
  ) {}

  async openDelegation(claim: Claim, task: Pick<Delegation, 'id' | 'from' | 'to' | 'task'>): Promise<Delegation> {
    const table = await this.table(claim);
    const known = table.get(task.id) ?? [...table.values()].find((one) => one.delegation.joinedCalls.includes(task.id));
    if (known) return known.delegation;
    const same = [...table.values()].find(
      ({ delegation: { from, to, task: words, answer } }) =>
        answer === null && from === task.from && to === task.to && words === task.task,
    );
    if (same) {
      const joinedCalls = [...same.delegation.joinedCalls, task.id].slice(-MOST_JOINED_CALLS);
      return (same.delegation = { ...same.delegation, joinedCalls });
    }
    const delegation = { ...task, answer: null, isPermitted: false, joinedCalls: [] };
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

  async answerDelegation(claim: Claim, id: string, answer: DelegationAnswer): Promise<DelegationAnswer> {
    const stored = await this.find(claim, id);
    if (stored.delegation.answer) return stored.delegation.answer;
    stored.delegation = { ...stored.delegation, answer };
    await this.say(claim, stored.delegation.to, { id, to: stored.delegation.from, ...answer });
    return answer;
  }

  async readDelegation(claim: Claim, id: string): Promise<Delegation> {
    return (await this.find(claim, id)).delegation;
  }

  async listDelegations(claim: Claim): Promise<KnownDelegation[]> {
    return [...(await this.table(claim)).values()].map(({ delegation: { task, answer, ...known } }) => ({
      ...known,
      isAnswered: answer !== null,
      taskChars: task.length,
      answerChars: answer ? charsOfAnswer(answer) : 0,
    }));
  }

  async listNotes(claim: Claim): Promise<TeamNote[]> {
    await this.runs.load(claim);
    const notes = this.runs.messages(claim.runId).flatMap(({ agent, kind, content: { note: id, text } }) => {
      if (kind !== 'system' || agent === null || typeof id !== 'string') return [];
      return [{ id, agent, text: String(text) }];
    });
    return notes.slice(0, MOST_NOTES);
  }

  private async table(claim: Claim): Promise<Map<string, Stored>> {
    await this.runs.load(claim);
    const table = this.byRun.get(claim.runId) ?? new Map<string, Stored>();
    this.byRun.set(claim.runId, table);
    return table;
  }

  private async find(claim: Claim, id: string): Promise<Stored> {
    const stored = (await this.table(claim)).get(id);
    if (!stored) throw new AppError('not_found', `no delegation ${id}`);
    return stored;
  }

  private async say(claim: Claim, agent: string, content: DraftMessage['content']): Promise<void> {
    await this.runs.appendMessages(claim, [{ agent, kind: 'delegation', content, at: new Date(0) }]);
  }
}
