import { assertNever } from '@crewtab/domain/errors';
import type { ToolAnswer, ToolCall } from '@crewtab/domain/ports/tool-server';
import type { Agent } from '@crewtab/domain/teams/team';
import { teammatesOf } from '@crewtab/domain/teams/teammates';
import type { Task, TeamDelegations } from './team-delegations';

export interface TeamToolsOptions {
  readonly agents: readonly Agent[];
  readonly delegations: TeamDelegations;
  /** How long a call may take before it answers with a handle, ms. */
  readonly answerMs: number;
}

const TOOLS = ['list_teammates', 'delegate', 'wait', 'result'] as const;
type ToolName = (typeof TOOLS)[number];

/** What `result` lists without a handle: the newest tasks. */
const LISTED_TASKS = 100;

/**
 * What the leader's tools do. A call answers within the limit that agents' programs have for their tools: with the teammate's
 * answer, or with a handle, which is the id of the task and outlives every worker.
 */
export class TeamTools {
  constructor(private readonly options: TeamToolsOptions) {}

  /** Answers one tool call; throws for a lost claim only. Stays pending once the run is released: the next worker answers. */
  async handle(call: ToolCall): Promise<ToolAnswer> {
    if (!isTool(call.tool)) return { error: `there is no tool "${call.tool}"; there are ${TOOLS.join(', ')}` };
    switch (call.tool) {
      case 'list_teammates':
        return { text: JSON.stringify(teammatesOf(this.options.agents, call.agent), null, 2) };
      case 'delegate':
        return this.delegate(call);
      case 'wait':
        return this.wait(call);
      case 'result':
        return this.result(call);
      default:
        return assertNever(call.tool);
    }
  }

  private async delegate(call: ToolCall): Promise<ToolAnswer> {
    const { agent: to, task } = call.arguments;
    const teammates = teammatesOf(this.options.agents, call.agent).map(({ name }) => name);
    if (typeof to !== 'string' || !teammates.includes(to))
      return { error: `"agent" must be one of your teammates: ${teammates.join(', ') || '(you have none)'}` };
    if (typeof task !== 'string' || task.trim() === '') return { error: '"task" must say what the teammate shall do' };
    const waitMs = this.waitMsOf(call);
    if (waitMs === null) return { error: this.badSeconds() };
    const opened = await this.options.delegations.open({ id: call.id, from: call.agent, to, task });
    return 'refusal' in opened ? { error: opened.refusal } : this.answerOrHandle(opened.task, waitMs);
  }

  private async wait(call: ToolCall): Promise<ToolAnswer> {
    const task = this.taskOf(call);
    if (task === null) return { error: this.unknownHandle(call) };
    const waitMs = this.waitMsOf(call);
    return waitMs === null ? { error: this.badSeconds() } : this.answerOrHandle(task, waitMs);
  }

  private async result(call: ToolCall): Promise<ToolAnswer> {
    if (call.arguments['handle'] === undefined) return { text: this.listOf(call.agent) };
    const task = this.taskOf(call);
    return task === null ? { error: this.unknownHandle(call) } : this.answerOrHandle(task, 0);
  }

  private async answerOrHandle(task: Task, waitMs: number): Promise<ToolAnswer> {
    return (await this.options.delegations.answerWithin(task.id, waitMs)) ?? { text: atWork(task) };
  }

  private listOf(agent: string): string {
    const tasks = this.options.delegations.tasksOf(agent).slice(-LISTED_TASKS);
    if (tasks.length === 0) return 'You have delegated nothing yet.';
    const shown = tasks.map(({ id, to, isAnswered }) => ({ handle: id, agent: to, isAnswered }));
    return JSON.stringify(shown, null, 2);
  }

  private taskOf({ agent, arguments: { handle } }: ToolCall): Task | null {
    return this.options.delegations.tasksOf(agent).find(({ id }) => id === handle) ?? null;
  }

  private unknownHandle({ agent }: ToolCall): string {
    const open = this.options.delegations.tasksOf(agent).filter(({ isAnswered }) => !isAnswered);
    const handles = open.map(({ id, to }) => `${id} (${to})`).join(', ');
    return `"handle" must be one that delegate gave you. Of open tasks: ${handles || '(you have none)'}`;
  }

  /** How long a call may still wait: what it waited for workers that are gone counts. Null: not to be understood. */
  private waitMsOf({ arguments: { seconds }, waitedMs = 0 }: ToolCall): number | null {
    const { answerMs } = this.options;
    if (seconds !== undefined && !(typeof seconds === 'number' && seconds >= 0)) return null;
    const askedMs = seconds === undefined ? answerMs : Math.min(seconds * 1_000, answerMs);
    return Math.max(0, askedMs - waitedMs);
  }

  private badSeconds(): string {
    return `"seconds" must be a number from 0 to ${this.options.answerMs / 1_000}`;
  }
}

function isTool(name: string): name is ToolName {
  return (TOOLS as readonly string[]).includes(name);
}

function atWork({ id, to }: Task): string {
  return (
    `${to} has not finished this task yet. Its handle is ${id}\n` +
    'Call wait with this handle for the answer, as often as it takes. Meanwhile you may do other work, or delegate more.'
  );
}
