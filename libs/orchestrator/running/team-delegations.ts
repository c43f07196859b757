import { ClaimLostError, AppError } from '@crewtab/domain/errors';
import type { Clock } from '@crewtab/domain/ports/clock';
import type { DelegationStore } from '@crewtab/domain/ports/delegation-store';
import type { Claim } from '@crewtab/domain/ports/run-store';
import type { ToolAnswer, ToolCall } from '@crewtab/domain/ports/tool-server';
import { delegationTurnId, type Delegation, type DelegationAnswer } from '@crewtab/domain/runs/delegation';
import type { Agent } from '@crewtab/domain/teams/team';
import { retrying } from '../timing';
import { type Emit, AgentSession } from './agent-session';

export interface TeamDelegationsOptions {
  readonly store: DelegationStore;
  readonly clock: Clock;
  readonly claim: Claim;
  readonly agents: readonly Agent[];
  /** How long an adopted task may show no sign of having arrived, ms. */
  readonly evidenceMs: number;
  readonly sessions: AgentSessions;
  readonly emit: Emit;
}

/** Longest part of a teammate's instructions that `list_teammates` shows, characters. */
const SHOWN_INSTRUCTIONS = 300;

/**
 * What the leader's tools do. A teammate works on one task at a time; further ones wait. Every task and answer is in the
 * call table and in the conversation, so that a worker that adopts the run answers the calls of the one before it.
 */
export class TeamDelegations {
  private readonly known = new Map<string, Delegation>();
  private readonly answers = new Map<string, Promise<DelegationAnswer>>();
  private readonly queues = new Map<string, Promise<unknown>>();
  private readonly watchers = new Set<() => void>();
  private isClosed = false;

  constructor(private readonly options: TeamDelegationsOptions) {}

  /** Tasks without an answer. */
  get openCount(): number {
    return [...this.known.values()].filter(({ answer }) => !answer).length;
  }

  /** Turns that an agent was (perhaps) given in earlier lives of the run. */
  turnsOf(agent: string): string[] {
    return [...this.known.values()]
      .filter(({ to, isPermitted }) => to === agent && isPermitted)
      .map(({ id }) => delegationTurnId(id));
  }

  /** After adoption: knows again what was delegated. `resume` must follow once the sessions are open. */
  async restore(): Promise<void> {
    for (const delegation of await this.options.store.listDelegations(this.options.claim))
      this.known.set(delegation.id, delegation);
  }

  /** Goes on with what was not answered. */
  resume(): void {
    for (const delegation of this.known.values())
      if (!delegation.answer)
        this.answerOf(delegation).catch((error: unknown) => this.options.emit({ kind: 'failed', error }));
  }

  /** Answers one tool call; never throws but for a lost claim. */
  async handle(call: ToolCall): Promise<ToolAnswer> {
    switch (call.tool) {
      case 'list_teammates':
        return { text: JSON.stringify(this.teammatesOf(call.agent), null, 2) };
      case 'delegate':
        return this.delegate(call);
      default:
        return { error: `there is no tool "${call.tool}"; there are list_teammates and delegate` };
    }
  }

  /** Something about an agent changed: those who wait for a turn look again. */
  noteChange(): void {
    for (const look of [...this.watchers]) look();
  }

  close(): void {
    this.isClosed = true;
    this.watchers.clear();
  }

  private teammatesOf(agent: string): { name: string; role: string; instructions?: string }[] {
    return this.options.agents
      .filter(({ name }) => name !== agent)
      .map(({ name, role, instructions }) => ({
        name,
        role,
        ...(instructions ? { instructions: instructions.slice(0, SHOWN_INSTRUCTIONS) } : {}),
      }));
  }

  private async delegate(call: ToolCall): Promise<ToolAnswer> {
    const { agent: to, task } = call.arguments;
    const teammates = this.teammatesOf(call.agent).map(({ name }) => name);
    if (typeof to !== 'string' || !teammates.includes(to)) {
      return { error: `"agent" must be one of your teammates: ${teammates.join(', ') || '(you have none)'}` };
    }
    if (typeof task !== 'string' || task.trim() === '') return { error: '"task" must say what the teammate shall do' };
    const { store, claim } = this.options;
    const delegation =
      this.known.get(call.id) ??
      (await this.retrying(() => store.openDelegation(claim, { id: call.id, from: call.agent, to, task })));
    this.known.set(call.id, delegation);
    this.options.emit({ kind: 'changed' });
    return this.answerOf(delegation);
  }

  private answerOf(delegation: Delegation): Promise<DelegationAnswer> {
    if (delegation.answer) return Promise.resolve(delegation.answer);
    const underWay = this.answers.get(delegation.id);
    if (underWay) return underWay;
    const before = this.queues.get(delegation.to) ?? Promise.resolve();
    const answer = before.then(() => this.perform(delegation));
    this.answers.set(delegation.id, answer);
    this.queues.set(
      delegation.to,
      answer.catch(() => undefined),
    );
    return answer;
  }

  private async perform(delegation: Delegation): Promise<DelegationAnswer> {
    const answer = await this.work(delegation);
    const { store, claim } = this.options;
    const answered = await this.retrying(() => store.answerDelegation(claim, delegation.id, answer));
    this.known.set(delegation.id, answered);
    this.options.emit({ kind: 'changed' });
    return answered.answer ?? answer;
  }

  private async work(delegation: Delegation): Promise<DelegationAnswer> {
    const { store, claim, sessions } = this.options;
    if (sessions.observed(delegation.to).ended) return { error: `${delegation.to} has ended and takes no more tasks` };
    const isOurs = await this.retrying(() => store.permitDelegation(claim, delegation.id));
    try {
      if (isOurs)
        await sessions.startTurn(delegation.to, { id: delegationTurnId(delegation.id), text: delegation.task });
      return await this.untilTurnEnds(delegation, isOurs);
    } catch (error) {
      if (error instanceof ClaimLostError) throw error;
      return {
        error: `the task could not be given to ${delegation.to}: ${error instanceof Error ? error.message : String(error)}`,
      };
    }
  }

  /** Resolves when the teammate's turn has ended, or when it cannot end any more. Stays pending when this is closed. */
  private untilTurnEnds(delegation: Delegation, isOurs: boolean): Promise<DelegationAnswer> {
    const { clock, evidenceMs, sessions } = this.options;
    return new Promise((resolve) => {
      let isEvidenceDue = false;
      const finish = (answer: DelegationAnswer): void => {
        this.watchers.delete(look);
        cancel();
        resolve(answer);
      };
      const look = (): void => {
        const { dialogue, ended } = sessions.observed(delegation.to);
        const turn = dialogue?.turns.get(delegationTurnId(delegation.id));
        if (turn?.status === 'done') finish({ text: turn.text });
        else if (turn?.status === 'failed') finish({ error: turn.failure.message });
        else if (ended) finish({ error: `${delegation.to} ended before it had finished` });
        else if (isEvidenceDue && !dialogue?.hasSeenWork) finish({ error: NOT_CONFIRMED });
      };
      const giveUp = (): void => {
        isEvidenceDue = true;
        look();
      };
      const cancel = isOurs ? () => undefined : clock.after(evidenceMs, giveUp);
      if (!this.isClosed) this.watchers.add(look);
      look();
    });
  }

  private retrying<T>(call: () => Promise<T>): Promise<T> {
    return retrying(this.options.clock, () => this.isClosed, call);
  }
}

const NOT_CONFIRMED =
  'Crewtab was restarted at the moment of handing over this task and cannot tell whether it arrived; it is not sent again. Delegate anew if it is safe to do it twice.';

/** The sessions of a run's agents, by name: team and delegations both speak to agents through them. */
export class AgentSessions {
  private readonly byName = new Map<string, AgentSession>();

  get all(): AgentSession[] {
    return [...this.byName.values()];
  }

  has(agent: string): boolean {
    return this.byName.has(agent);
  }

  get(agent: string): AgentSession | undefined {
    return this.byName.get(agent);
  }

  add(agent: string, session: AgentSession): void {
    this.byName.set(agent, session);
  }

  /** Of an agent without a session nothing is known. */
  observed(agent: string): ReturnType<AgentSession['observed']> {
    return this.byName.get(agent)?.observed() ?? { dialogue: null, ended: null, hasFloodedOutput: false };
  }

  async startTurn(agent: string, turn: { readonly id: string; readonly text: string }): Promise<void> {
    const session = this.byName.get(agent);
    if (!session) throw new AppError('prompt_failed', `agent "${agent}" is not connected`);
    await session.startTurn(turn);
  }
}
