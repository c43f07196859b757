import { AppError, ClaimLostError, errorMessage } from '@crewtab/domain/errors';
import { isSettled } from '@crewtab/domain/ports/agent-protocol';
import type { Clock } from '@crewtab/domain/ports/clock';
import type { DelegationStore } from '@crewtab/domain/ports/delegation-store';
import type { Claim } from '@crewtab/domain/ports/run-store';
import {
  charsOfAnswer,
  delegationTurnId,
  LONGEST_QUESTION_CHARS,
  LONGEST_TASK_CHARS,
  MOST_OPEN_QUESTIONS,
  MOST_QUESTIONS,
  MOST_OPEN_TASKS,
  MOST_TASKS,
  type Delegation,
  type DelegationAnswer,
  type KnownDelegation,
} from '@crewtab/domain/runs/delegation';
import { retrying } from '../timing';
import { type Emit, AgentSession } from './agent-session';
import type { RunOutput } from './run-output';

export interface TeamDelegationsOptions {
  readonly store: DelegationStore;
  readonly clock: Clock;
  readonly claim: Claim;
  /** Tasks for the leader are questions. */
  readonly leader: string;
  /** How long an adopted task may show no sign of having arrived while its agent's output is read, ms. */
  readonly evidenceMs: number;
  readonly sessions: AgentSessions;
  /** Tasks and answers count as output. */
  readonly output: RunOutput;
  readonly emit: Emit;
}

/** What is kept of a task: its texts are in the store, and are read when they are needed. */
export type Task = Pick<KnownDelegation, 'id' | 'from' | 'to' | 'isPermitted' | 'isAnswered' | 'joinedCalls'>;

/** A task, or why it is not taken: the caller may try again, and the run goes on. */
export type Opened = { readonly task: Task } | { readonly refusal: string };

type Listener = (answer: DelegationAnswer | null) => void;
type Asked = Pick<Delegation, 'id' | 'from' | 'to' | 'task'>;

/**
 * The tasks of a run's team. A teammate works on one at a time; further ones wait. Every task and answer is in the call table
 * and in the conversation, so that a worker that adopts the run answers the calls of the one before it.
 */
export class TeamDelegations {
  private readonly known = new Map<string, Task>();
  /** Opens go one after the other: only then does a call find the one that it joins. */
  private opening: Promise<unknown> = Promise.resolve();
  private readonly underWay = new Set<string>();
  /** Calls that wait for an answer, by task. */
  private readonly listeners = new Map<string, Set<Listener>>();
  /** Calls of the leader that wait for a teammate: a question ends their waiting. */
  private readonly leaderWaits = new Set<Listener>();
  /** Questions that the leader was told of. */
  private readonly told = new Set<string>();
  private readonly queues = new Map<string, Promise<unknown>>();
  private readonly watchers = new Set<() => void>();
  private isResumed = false;
  private isClosed = false;

  constructor(private readonly options: TeamDelegationsOptions) {}

  /** Tasks without an answer. A question holds up no run: the task that it is about does. */
  get openCount(): number {
    return this.tasks.filter(({ isAnswered }) => !isAnswered).length;
  }

  /** Without an answer, oldest first. */
  get openQuestions(): Task[] {
    return this.questions.filter(({ isAnswered }) => !isAnswered);
  }

  /** Whether an agent waits for the answer to a task that it gave. */
  isWaiting(agent: string): boolean {
    return [...this.known.values()].some(({ from, isAnswered }) => from === agent && !isAnswered);
  }

  /** Whether it ever gave one. */
  hasDelegated(agent: string): boolean {
    return [...this.known.values()].some(({ from }) => from === agent);
  }

  /** Turns that an agent was (perhaps) given in earlier lives of the run. */
  turnsOf(agent: string): string[] {
    return [...this.known.values()]
      .filter(({ to, isPermitted }) => to === agent && isPermitted)
      .map(({ id }) => delegationTurnId(id));
  }

  /** What an agent has delegated, oldest first. */
  tasksOf(agent: string): Task[] {
    return [...this.known.values()].filter(({ from }) => from === agent);
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

  /** Begins (or goes on with) what has no answer. Before this no teammate can be reached. */
  resume(): void {
    this.isResumed = true;
    for (const task of this.known.values()) this.begin(task);
  }

  /**
   * Takes a task for a teammate. A call that is known, or that asks what is under way already, leads to that task and gives
   * nothing a second time.
   */
  open(asked: Asked): Promise<Opened> {
    const known = this.taskOfCall(asked.id);
    if (known) return Promise.resolve({ task: known });
    const opened = this.opening.then(() => this.openNext(asked));
    this.opening = opened.catch(() => undefined);
    return opened;
  }

  /**
   * Null when there is no answer after `ms`, or, to the leader, when a teammate asks something. Stays pending once this is
   * closed: the next worker is asked again.
   */
  async answerWithin({ id, to }: Task, ms: number): Promise<DelegationAnswer | null> {
    if (this.known.get(id)?.isAnswered) return this.storedAnswer(id);
    const isQuestion = to === this.options.leader;
    if (ms <= 0 || (!isQuestion && this.openQuestions.some((question) => !this.told.has(question.id)))) return null;
    return new Promise((resolve) => {
      const listeners = this.listeners.get(id) ?? new Set();
      this.listeners.set(id, listeners);
      const finish = (answer: DelegationAnswer | null): void => {
        cancel();
        listeners.delete(finish);
        this.leaderWaits.delete(finish);
        if (!this.isClosed) resolve(answer);
      };
      listeners.add(finish);
      if (!isQuestion) this.leaderWaits.add(finish);
      const cancel = this.options.clock.after(ms, () => finish(null));
    });
  }

  /** The words of the open questions; from then on they end no more waiting. */
  async tellQuestions(): Promise<{ readonly id: string; readonly from: string; readonly text: string }[]> {
    const { store, claim } = this.options;
    const open = this.openQuestions;
    const texts = await Promise.all(open.map(({ id }) => this.retrying(() => store.readDelegation(claim, id))));
    for (const { id } of open) this.told.add(id);
    return texts.map(({ id, from, task }) => ({ id, from, text: task }));
  }

  /** The leader's answer to a question. @returns the answer that stays: the first one */
  reply(question: Task, text: string): Promise<DelegationAnswer> {
    return this.settle(question, { text });
  }

  /** Something about an agent changed: those who wait for a turn look again. */
  noteChange(): void {
    for (const look of [...this.watchers]) look();
    if (this.openQuestions.length > 0 && !this.isLeaderAtWork) this.giveUpQuestions(() => true, LEADER_IS_DONE);
  }

  /** Until the end of its turn is seen: what is shown of an agent that has said nothing yet lacks its turn. */
  private get isLeaderAtWork(): boolean {
    const { dialogue, ended } = this.options.sessions.observed(this.options.leader);
    const turns = [...(dialogue?.turns.values() ?? [])];
    return !ended && (turns.length === 0 || turns.some(({ status }) => status === 'open'));
  }

  close(): void {
    this.isClosed = true;
    this.watchers.clear();
    for (const listeners of this.listeners.values()) for (const listener of listeners) listener(null);
  }

  private async openNext(asked: Asked): Promise<Opened> {
    const known = this.taskOfCall(asked.id);
    if (known) return { task: known };
    const refusal = asked.to === this.options.leader ? this.refusalOfQuestion(asked) : this.refusalOf(asked.task);
    if (refusal !== null) return { refusal };
    const { store, claim, output, emit } = this.options;
    const { joinedCalls, ...opened } = await this.retrying(() => store.openDelegation(claim, asked));
    const { id, from, to, isPermitted, answer } = opened;
    const before = this.known.get(id);
    const task = { ...(before ?? { id, from, to, isPermitted, isAnswered: answer !== null }), joinedCalls };
    this.known.set(id, task);
    if (before) return { task };
    output.noteStored(1);
    output.noteDelegated(from, asked.task.length);
    if (to === this.options.leader) for (const endWaiting of [...this.leaderWaits]) endWaiting(null);
    else this.begin(task);
    emit({ kind: 'changed' });
    return { task };
  }

  private taskOfCall(callId: string): Task | null {
    const tasks = [...this.known.values()];
    return tasks.find(({ id, joinedCalls }) => id === callId || joinedCalls.includes(callId)) ?? null;
  }

  private refusalOf(task: string): string | null {
    if (task.length > LONGEST_TASK_CHARS)
      return `"task" has ${task.length} characters, and may have ${LONGEST_TASK_CHARS}: put the rest into a file of the shared workspace`;
    if (this.openCount >= MOST_OPEN_TASKS)
      return `${MOST_OPEN_TASKS} tasks are open, which is the most: wait for one of their answers before you delegate more`;
    if (this.tasks.length >= MOST_TASKS) return `a run has at most ${MOST_TASKS} tasks, and this one has had them`;
    return null;
  }

  private refusalOfQuestion({ from, task }: Asked): string | null {
    if (!this.tasks.some(({ to, isAnswered }) => to === from && !isAnswered)) return 'you have no task to ask about';
    if (!this.isLeaderAtWork) return LEADER_IS_DONE;
    if (task.length > LONGEST_QUESTION_CHARS)
      return `"question" has ${task.length} characters, and may have ${LONGEST_QUESTION_CHARS}: put the rest into a file of the shared workspace`;
    if (this.openQuestions.length >= MOST_OPEN_QUESTIONS || this.questions.length >= MOST_QUESTIONS)
      return `the team has asked too much: at most ${MOST_OPEN_QUESTIONS} questions at a time, and ${MOST_QUESTIONS} in a run`;
    return null;
  }

  private get tasks(): Task[] {
    return [...this.known.values()].filter(({ to }) => to !== this.options.leader);
  }

  private get questions(): Task[] {
    return [...this.known.values()].filter(({ to }) => to === this.options.leader);
  }

  private begin(task: Task): void {
    if (!this.isResumed || task.isAnswered || this.underWay.has(task.id) || task.to === this.options.leader) return;
    this.underWay.add(task.id);
    const before = this.queues.get(task.to) ?? Promise.resolve();
    const work = before.then(() => this.perform(task));
    const done = (): void => undefined;
    this.queues.set(task.to, work.then(done, done));
    work.catch((error: unknown) => this.options.emit({ kind: 'failed', error }));
  }

  private async storedAnswer(id: string): Promise<DelegationAnswer> {
    const { store, claim } = this.options;
    const { answer } = await this.retrying(() => store.readDelegation(claim, id));
    return answer ?? { error: 'the answer is lost' };
  }

  private async perform(task: Task): Promise<void> {
    await this.settle(task, await this.work(task));
    this.underWay.delete(task.id);
    // Whoever asks no longer waits for what it asked.
    this.giveUpQuestions(
      ({ from }) => from === task.to && !this.hasOpenTask(from),
      'the task that you asked about is over',
    );
  }

  private hasOpenTask(agent: string): boolean {
    return this.tasks.some(({ to, isAnswered }) => to === agent && !isAnswered);
  }

  private giveUpQuestions(isMeant: (question: Task) => boolean, error: string): void {
    for (const question of this.openQuestions.filter(isMeant)) {
      if (this.underWay.has(question.id)) continue;
      this.underWay.add(question.id);
      this.settle(question, { error }).catch((failure: unknown) =>
        this.options.emit({ kind: 'failed', error: failure }),
      );
    }
  }

  /** @returns the answer that stays: the first one */
  private async settle(task: Task, answer: DelegationAnswer): Promise<DelegationAnswer> {
    const { store, claim, output, emit } = this.options;
    const kept = await this.retrying(() => store.answerDelegation(claim, task.id, answer));
    if (this.known.get(task.id)?.isAnswered) return kept;
    this.known.set(task.id, { ...(this.known.get(task.id) ?? task), isAnswered: true });
    output.noteStored(1);
    output.noteDelegated(task.to, charsOfAnswer(kept));
    for (const listener of this.listeners.get(task.id) ?? []) listener(kept);
    this.listeners.delete(task.id);
    emit({ kind: 'changed' });
    return kept;
  }

  private async work(task: Task): Promise<DelegationAnswer> {
    const { store, claim, sessions } = this.options;
    const { id, to } = task;
    if (sessions.observed(to).ended) return { error: `${to} has ended and takes no more tasks` };
    const { task: text } = await this.retrying(() => store.readDelegation(claim, id));
    try {
      // First: a worker that stops before it could write leaves the task to the next one.
      if (!task.isPermitted) await sessions.untilReady(to);
      const isOurs = await this.retrying(() => store.permitDelegation(claim, id));
      if (isOurs) await sessions.startTurn(to, { id: delegationTurnId(id), text });
      return await this.untilTurnEnds(task, isOurs);
    } catch (error) {
      if (error instanceof ClaimLostError) throw error;
      // The next worker finds out what became of it.
      if (this.isClosed) return new Promise(() => undefined);
      return { error: `the task could not be given to ${to}: ${errorMessage(error)}` };
    }
  }

  /** Resolves when the teammate's turn has ended, or when it cannot end any more. Stays pending when this is closed. */
  private untilTurnEnds({ id, to }: Task, isOurs: boolean): Promise<DelegationAnswer> {
    const { clock, evidenceMs, sessions } = this.options;
    return new Promise((resolve) => {
      const sinceMs = clock.now().getTime();
      let cancel = (): void => undefined;
      const finish = (answer: DelegationAnswer): void => {
        this.watchers.delete(look);
        cancel();
        resolve(answer);
      };
      const look = (): void => {
        const { dialogue, ended } = sessions.observed(to);
        const turn = dialogue?.turns.get(delegationTurnId(id));
        if (turn?.status === 'done' && isSettled(turn, clock.now())) finish({ text: turn.text });
        else if (turn?.status === 'failed') finish({ error: turn.failure.message });
        else if (ended) finish({ error: `${to} ended before it had finished` });
        else if (!isOurs && !dialogue?.hasSeenWork) lookForEvidence();
      };
      const lookForEvidence = (): void => {
        const dueMs = evidenceUntil(sessions.get(to)?.readableSince ?? null, sinceMs, evidenceMs)?.getTime();
        cancel();
        if (dueMs === undefined) return;
        if (dueMs <= clock.now().getTime()) finish({ error: NOT_CONFIRMED });
        else cancel = clock.after(dueMs - clock.now().getTime(), look);
      };
      if (!this.isClosed) this.watchers.add(look);
      look();
    });
  }

  private retrying<T>(call: () => Promise<T>): Promise<T> {
    return retrying(this.options.clock, () => this.isClosed, call);
  }
}

const LEADER_IS_DONE = 'the leader has ended its turn and answers no more: go on by your own judgement';

const NOT_CONFIRMED =
  'Crewtab was restarted at the moment of handing over this task and cannot tell whether it arrived; it is not sent again. Delegate anew if it is safe to do it twice.';

/**
 * Until when a turn that an earlier worker may have begun can show that it arrived: so long as `evidenceMs` the agent's output
 * must have been read. Null while it cannot be read: what is not seen then tells nothing.
 */
export function evidenceUntil(readableSince: Date | null, sinceMs: number, evidenceMs: number): Date | null {
  return readableSince && new Date(Math.max(sinceMs, readableSince.getTime()) + evidenceMs);
}

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

  /** @throws AppError `prompt_failed` when it cannot be given a turn any more */
  async untilReady(agent: string): Promise<void> {
    await this.connected(agent).untilReady();
  }

  async startTurn(agent: string, turn: { readonly id: string; readonly text: string }): Promise<void> {
    await this.connected(agent).startTurn(turn);
  }

  private connected(agent: string): AgentSession {
    const session = this.byName.get(agent);
    if (!session) throw new AppError('prompt_failed', `agent "${agent}" is not connected`);
    return session;
  }
}
