import { AppError, ClaimLostError, errorMessage } from '@crewtab/domain/errors';
import type { Clock } from '@crewtab/domain/ports/clock';
import type { DelegationStore } from '@crewtab/domain/ports/delegation-store';
import type { Claim } from '@crewtab/domain/ports/run-store';
import type { ToolAnswer, ToolCall } from '@crewtab/domain/ports/tool-server';
import {
  charsOfAnswer,
  delegationTurnId,
  LONGEST_TASK_CHARS,
  MOST_OPEN_TASKS,
  type DelegationAnswer,
  type KnownDelegation,
} from '@crewtab/domain/runs/delegation';
import type { Agent } from '@crewtab/domain/teams/team';
import { teammatesOf } from '@crewtab/domain/teams/teammates';
import { retrying } from '../timing';
import { type Emit, AgentSession } from './agent-session';
import type { RunOutput } from './run-output';

export interface TeamDelegationsOptions {
  readonly store: DelegationStore;
  readonly clock: Clock;
  readonly claim: Claim;
  readonly agents: readonly Agent[];
  /** How long an adopted task may show no sign of having arrived, ms. */
  readonly evidenceMs: number;
  readonly sessions: AgentSessions;
  /** Tasks and answers count as output. */
  readonly output: RunOutput;
  readonly emit: Emit;
}

/** What is kept of a task: its texts are in the store, and are read when they are needed. */
type Task = Pick<KnownDelegation, 'id' | 'from' | 'to' | 'isPermitted' | 'isAnswered'>;

/**
 * What the leader's tools do. A teammate works on one task at a time; further ones wait. Every task and answer is in the
 * call table and in the conversation, so that a worker that adopts the run answers the calls of the one before it.
 */
export class TeamDelegations {
  private readonly known = new Map<string, Task>();
  /** Ids of calls that are just being opened. */
  private readonly opening = new Set<string>();
  /** Of open tasks. */
  private readonly answers = new Map<string, Promise<DelegationAnswer>>();
  private readonly queues = new Map<string, Promise<unknown>>();
  private readonly watchers = new Set<() => void>();
  private isClosed = false;

  constructor(private readonly options: TeamDelegationsOptions) {}

  /** Tasks without an answer. */
  get openCount(): number {
    return [...this.known.values()].filter(({ isAnswered }) => !isAnswered).length;
  }

  /** Turns that an agent was (perhaps) given in earlier lives of the run. */
  turnsOf(agent: string): string[] {
    return [...this.known.values()]
      .filter(({ to, isPermitted }) => to === agent && isPermitted)
      .map(({ id }) => delegationTurnId(id));
  }

  /** After adoption: knows again what was delegated. `resume` must follow once the sessions are open. */
  async restore(): Promise<void> {
    const { store, claim, output } = this.options;
    for (const { taskChars, answerChars, ...task } of await store.listDelegations(claim)) {
      this.known.set(task.id, task);
      output.noteDelegated(task.from, taskChars);
      output.noteDelegated(task.to, answerChars);
    }
  }

  /** Goes on with what was not answered. */
  resume(): void {
    for (const task of this.known.values())
      if (!task.isAnswered) this.answerOf(task).catch((error: unknown) => this.options.emit({ kind: 'failed', error }));
  }

  /** Answers one tool call; never throws but for a lost claim. */
  async handle(call: ToolCall): Promise<ToolAnswer> {
    switch (call.tool) {
      case 'list_teammates':
        return { text: JSON.stringify(teammatesOf(this.options.agents, call.agent), null, 2) };
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

  private async delegate(call: ToolCall): Promise<ToolAnswer> {
    const { agent: to, task } = call.arguments;
    const teammates = teammatesOf(this.options.agents, call.agent).map(({ name }) => name);
    if (typeof to !== 'string' || !teammates.includes(to)) {
      return { error: `"agent" must be one of your teammates: ${teammates.join(', ') || '(you have none)'}` };
    }
    if (typeof task !== 'string' || task.trim() === '') return { error: '"task" must say what the teammate shall do' };
    const known = this.known.get(call.id);
    if (known) return this.answerOf(known);
    const refusal = this.refusalOf(task);
    if (refusal !== null) return { error: refusal };
    this.opening.add(call.id);
    try {
      return this.answerOf(await this.open({ id: call.id, from: call.agent, to, task }));
    } finally {
      this.opening.delete(call.id);
    }
  }

  /** Why a task is not taken; the caller may try again, and the run goes on. */
  private refusalOf(task: string): string | null {
    if (task.length > LONGEST_TASK_CHARS)
      return `"task" has ${task.length} characters, and may have ${LONGEST_TASK_CHARS}: put the rest into a file of the shared workspace`;
    if (this.openCount + this.opening.size >= MOST_OPEN_TASKS)
      return `${MOST_OPEN_TASKS} tasks are open, which is the most: wait for one of their answers before you delegate more`;
    return null;
  }

  private async open(asked: { readonly id: string; from: string; to: string; task: string }): Promise<Task> {
    const { store, claim, output } = this.options;
    const { id, from, to, isPermitted, answer } = await this.retrying(() => store.openDelegation(claim, asked));
    // The same call may have been opened twice at the same time.
    const known = this.known.get(id);
    if (known) return known;
    const task = { id, from, to, isPermitted, isAnswered: answer !== null };
    this.known.set(id, task);
    output.noteStored(1);
    output.noteDelegated(from, asked.task.length);
    this.options.emit({ kind: 'changed' });
    return task;
  }

  private answerOf(task: Task): Promise<DelegationAnswer> {
    if (task.isAnswered) return this.storedAnswer(task);
    const underWay = this.answers.get(task.id);
    if (underWay) return underWay;
    const before = this.queues.get(task.to) ?? Promise.resolve();
    const answer = before.then(() => this.perform(task));
    this.answers.set(task.id, answer);
    const done = (): void => undefined;
    this.queues.set(task.to, answer.then(done, done));
    return answer;
  }

  private async storedAnswer({ id }: Task): Promise<DelegationAnswer> {
    const { store, claim } = this.options;
    const { answer } = await this.retrying(() => store.readDelegation(claim, id));
    return answer ?? { error: 'the answer is lost' };
  }

  private async perform(task: Task): Promise<DelegationAnswer> {
    const answer = await this.work(task);
    const { store, claim, output } = this.options;
    const kept = await this.retrying(() => store.answerDelegation(claim, task.id, answer));
    this.known.set(task.id, { ...task, isAnswered: true });
    this.answers.delete(task.id);
    output.noteStored(1);
    output.noteDelegated(task.to, charsOfAnswer(kept));
    this.options.emit({ kind: 'changed' });
    return kept;
  }

  private async work(task: Task): Promise<DelegationAnswer> {
    const { store, claim, sessions } = this.options;
    const { id, to } = task;
    if (sessions.observed(to).ended) return { error: `${to} has ended and takes no more tasks` };
    const { task: text } = await this.retrying(() => store.readDelegation(claim, id));
    const isOurs = await this.retrying(() => store.permitDelegation(claim, id));
    try {
      if (isOurs) await sessions.startTurn(to, { id: delegationTurnId(id), text });
      return await this.untilTurnEnds(task, isOurs);
    } catch (error) {
      if (error instanceof ClaimLostError) throw error;
      return { error: `the task could not be given to ${to}: ${errorMessage(error)}` };
    }
  }

  /** Resolves when the teammate's turn has ended, or when it cannot end any more. Stays pending when this is closed. */
  private untilTurnEnds({ id, to }: Task, isOurs: boolean): Promise<DelegationAnswer> {
    const { clock, evidenceMs, sessions } = this.options;
    return new Promise((resolve) => {
      let isEvidenceDue = false;
      const finish = (answer: DelegationAnswer): void => {
        this.watchers.delete(look);
        cancel();
        resolve(answer);
      };
      const look = (): void => {
        const { dialogue, ended } = sessions.observed(to);
        const turn = dialogue?.turns.get(delegationTurnId(id));
        if (turn?.status === 'done') finish({ text: turn.text });
        else if (turn?.status === 'failed') finish({ error: turn.failure.message });
        else if (ended) finish({ error: `${to} ended before it had finished` });
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
    return this.byName.get(agent)?.observed() ?? { dialogue: null, ended: null };
  }

  async startTurn(agent: string, turn: { readonly id: string; readonly text: string }): Promise<void> {
    const session = this.byName.get(agent);
    if (!session) throw new AppError('prompt_failed', `agent "${agent}" is not connected`);
    await session.startTurn(turn);
  }
}
