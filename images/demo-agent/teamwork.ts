import { callTool, connectMcp, type TeamTools } from './team-tools';
import type { Turn } from './turn';
import { messageOf } from './turn';

/** The team's tools, or an error that ends the turn: a prompt that needs a team can't be done without. */
export function teamOf(turn: Turn): Promise<TeamTools> {
  const { team } = turn.context;
  return team ? turn.orCancelled(team()) : Promise.reject(new Error('there are no team tools in this session'));
}

/** Answers with the list of teammates. */
export async function listTeammates(turn: Turn): Promise<void> {
  const team = await teamOf(turn);
  const tool = { title: 'list_teammates', kind: 'other' } as const;
  await turn.answer(await turn.useTool(tool, () => turn.orCancelled(team.listTeammates())));
}

/** Gives a teammate a task, waits for it, and answers with what came back. */
export async function delegate(turn: Turn, agent: string, task: string): Promise<void> {
  await turn.answer(await outcomeOf(turn, agent, task));
}

/** Gives a teammate a task and goes on; the turn may end before the task does. */
export async function delegateAsync(turn: Turn, agent: string, task: string): Promise<void> {
  await teamOf(turn);
  const work = delegate(turn, agent, task);
  // The leader may never join it: then its failure must not count as unhandled.
  work.catch(() => undefined);
  turn.openWork.push(work);
}

/** Waits for everything that `delegate-async` has begun. */
export async function join(turn: Turn): Promise<void> {
  await Promise.all(turn.openWork.splice(0));
}

/** Asks the leader, and says its answer. */
export async function askLeader(turn: Turn, question: string): Promise<void> {
  const team = await teamOf(turn);
  const tool = { title: 'ask the leader', kind: 'other', input: { question } } as const;
  await turn.answer(`the leader says: ${await turn.useTool(tool, () => turn.orCancelled(team.ask(question)))}`);
}

/** Calls a tool of an MCP server that the user gave, and says what it answers. */
export async function callServer(turn: Turn, server: string, tool: string, args = '{}'): Promise<void> {
  const found = turn.context.servers.find(({ name }) => name === server);
  if (!found) throw new Error(`there is no MCP server ${server} in this session`);
  const client = await connectMcp(found);
  try {
    const call = (): Promise<string> => callTool(client, tool, JSON.parse(args) as Record<string, string>);
    await turn.answer(await turn.useTool({ title: `${server}/${tool}`, kind: 'other' }, call));
  } finally {
    await client.close();
  }
}

/** One delegation as a tool call. Rejects with the teammate's failure. */
export async function askTeammate(turn: Turn, agent: string, task: string): Promise<string> {
  const team = await teamOf(turn);
  return turn.useTool({ title: `delegate to ${agent}`, kind: 'other', input: { agent, task } }, (progress) =>
    turn.orCancelled(team.delegate(agent, task, progress)),
  );
}

/** A teammate's failure is something to talk about, not the end of the leader. */
async function outcomeOf(turn: Turn, agent: string, task: string): Promise<string> {
  await teamOf(turn);
  try {
    return `${agent} says: ${await askTeammate(turn, agent, task)}`;
  } catch (error) {
    return `${agent} failed: ${messageOf(error)}`;
  }
}
