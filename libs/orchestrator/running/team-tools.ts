import { assertNever } from '@crewtab/domain/errors';
import type { ToolAnswer, ToolCall } from '@crewtab/domain/ports/tool-server';
import type { Agent } from '@crewtab/domain/teams/team';
import { teammatesOf } from '@crewtab/domain/teams/teammates';
import type { Task, TeamDelegations } from './team-delegations';
import type { TeamNotes } from './team-notes';

export interface TeamToolsOptions {
  readonly agents: readonly Agent[];
  readonly delegations: TeamDelegations;
  readonly notes: TeamNotes;
  /** How long a call may take before it answers with a handle, ms. */
  readonly answerMs: number;
}

const TOOLS = {
  leader: ['list_teammates', 'delegate', 'wait', 'result', 'answer', 'note', 'notes'],
  worker: ['ask', 'note', 'notes'],
} as const;
type ToolName = (typeof TOOLS)[keyof typeof TOOLS][number];

/** What `result` lists without a handle: the newest tasks. */
const LISTED_TASKS = 100;

/**
 * What the tools of a team do: the leader gives tasks, a teammate asks about its own, and all of them note. A call answers within the limit that
 * agents' programs have for their tools: with the answer, or with a handle, which is the id of the task and outlives every worker.
 */
export class TeamTools {
  constructor(private readonly options: TeamToolsOptions) {}

  /** Answers one tool call; throws for a lost claim only. Stays pending once the run is released: the next worker answers. */
  async handle(call: ToolCall): Promise<ToolAnswer> {
    const role = this.options.agents.find(({ name }) => name === call.agent)?.role ?? 'worker';
    const tools: readonly string[] = TOOLS[role];
    if (!isOneOf(tools, call.tool)) return { error: `there is no tool "${call.tool}"; there are ${tools.join(', ')}` };
    if (role === 'worker') return call.tool === 'ask' ? this.ask(call) : this.note(call);
    return this.withQuestions(await this.handleOfLeader(call.tool, call));
  }

  private async handleOfLeader(tool: ToolName, call: ToolCall): Promise<ToolAnswer> {
    switch (tool) {
      case 'list_teammates':
        return { text: JSON.stringify(teammatesOf(this.options.agents, call.agent), null, 2) };
      case 'delegate':
        return this.delegate(call);
      case 'wait':
        return this.wait(call);
      case 'result':
        return this.result(call);
      case 'answer':
        return this.answer(call);
      case 'note':
      case 'notes':
        return this.note(call);
      case 'ask':
        return { error: 'the leader has nobody to ask' };
      default:
        return assertNever(tool);
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
    return waitMs === null ? { error: this.badSeconds() } : this.answerOrHandle(task, waitMs, nextHandle(call));
  }

  private async result(call: ToolCall): Promise<ToolAnswer> {
    if (call.arguments['handle'] === undefined) return { text: this.listOf(call.agent) };
    const task = this.taskOf(call);
    return task === null ? { error: this.unknownHandle(call) } : this.answerOrHandle(task, 0, nextHandle(call));
  }

  private async answer({ arguments: { question: id, text } }: ToolCall): Promise<ToolAnswer> {
    const { delegations } = this.options;
    const question = delegations.openQuestions.find((one) => one.id === id);
    if (!question) return { error: `"question" must be one that is open: ${idsOf(delegations.openQuestions)}` };
    if (typeof text !== 'string' || text.trim() === '') return { error: '"text" must be your answer' };
    if (text.length > LONGEST_ANSWER_CHARS)
      return { error: `"text" has ${text.length} characters, and may have ${LONGEST_ANSWER_CHARS}` };
    await delegations.reply(question, text);
    return { text: `${question.from} has your answer.` };
  }

  /** Of a teammate. Asked again in the same words, the call joins the question that is open. */
  private async ask(call: ToolCall): Promise<ToolAnswer> {
    const { agents, delegations } = this.options;
    const { question } = call.arguments;
    if (typeof question !== 'string' || question.trim() === '') return { error: '"question" must say what you ask' };
    const waitMs = this.waitMsOf(call);
    if (waitMs === null) return { error: this.badSeconds() };
    const to = agents.find(({ role }) => role === 'leader')?.name ?? '';
    const opened = await delegations.open({ id: call.id, from: call.agent, to, task: question });
    if ('refusal' in opened) return { error: opened.refusal };
    return (await delegations.answerWithin(opened.task, waitMs)) ?? { text: NOT_ANSWERED };
  }

  private async note({ id, agent, tool, arguments: { text } }: ToolCall): Promise<ToolAnswer> {
    const { notes } = this.options;
    if (tool === 'notes') return { text: notes.read() };
    if (typeof text !== 'string' || text.trim() === '') return { error: '"text" must be what you note' };
    const refusal = await notes.add({ id, agent, text });
    return refusal === null ? { text: 'Noted.' } : { error: refusal };
  }

  private async answerOrHandle(task: Task, waitMs: number, handle = task.id): Promise<ToolAnswer> {
    return (await this.options.delegations.answerWithin(task, waitMs)) ?? { text: atWork(task, handle) };
  }

  /** Behind whatever the leader asked for: it has no other way to hear of them. */
  private async withQuestions(answer: ToolAnswer): Promise<ToolAnswer> {
    const questions = await this.options.delegations.tellQuestions();
    if (questions.length === 0) return answer;
    const told = questions.map(({ id, from, text }) => `${from} asks about its task (question ${id}):\n${text}`);
    const words = [
      '',
      '---',
      ...told,
      'Reply by the tool answer with the id of the question; the teammate waits for it.',
    ];
    const [said, isError] = 'error' in answer ? [answer.error, true] : [answer.text, false];
    const text = [said, ...words].join('\n');
    return isError ? { error: text } : { text };
  }

  private listOf(agent: string): string {
    const tasks = this.options.delegations.tasksOf(agent).slice(-LISTED_TASKS);
    if (tasks.length === 0) return 'You have delegated nothing yet.';
    const shown = tasks.map(({ id, to, isAnswered }) => ({ handle: id, agent: to, isAnswered }));
    return JSON.stringify(shown, null, 2);
  }

  private taskOf({ agent, arguments: { handle } }: ToolCall): Task | null {
    const asked = splitHandle(handle).id;
    return this.options.delegations.tasksOf(agent).find(({ id }) => id === asked) ?? null;
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

/** Of an answer to a question. */
const LONGEST_ANSWER_CHARS = 64 * 1024;

const NOT_ANSWERED =
  'The leader has not answered yet. Ask again in the same words to wait on for its answer, or go on by your own judgement.';

function isOneOf(tools: readonly string[], name: string): name is ToolName {
  return tools.includes(name);
}

function idsOf(questions: readonly Task[]): string {
  return questions.map(({ id, from }) => `${id} (${from})`).join(', ') || '(there is none)';
}

/** Behind the id of a task: how often it was asked for. */
const ASKED_BEFORE = /~(\d{1,6})$/;

function splitHandle(handle: unknown): { readonly id: unknown; readonly count: number } {
  if (typeof handle !== 'string') return { id: handle, count: 0 };
  return { id: handle.replace(ASKED_BEFORE, ''), count: Number(ASKED_BEFORE.exec(handle)?.[1] ?? 0) };
}

/**
 * Another one each time. Programs take the same call again and again for a loop of their model: Gemini CLI ends its turn at
 * the fifth (`TOOL_CALL_LOOP_THRESHOLD` of its loopDetectionService), opencode asks whether to go on at the third.
 */
function nextHandle({ arguments: { handle } }: ToolCall): string {
  const { id, count } = splitHandle(handle);
  return `${String(id)}~${count + 1}`;
}

function atWork({ to }: Task, handle: string): string {
  return (
    `${to} has not finished this task yet. Its handle is ${handle}\n` +
    'Call wait with this handle for the answer, as often as it takes. Meanwhile you may do other work, or delegate more.'
  );
}
