import type { Agent } from './team';

/** The name under which agents show the tools of their team. */
export const TEAM_SERVER_NAME = 'crewtab-team';

/** Most characters of one teammate's instructions that its leader is shown, and of those of all together. */
const GIST = { each: 300, all: 6_000 } as const;

export interface Teammate {
  readonly name: string;
  readonly role: Agent['role'];
  /** The beginning of its instructions, on one line; absent where it has none. */
  readonly instructions?: string;
}

/** Whom an agent has beside it, as it is told. */
export function teammatesOf(agents: readonly Agent[], agent: string): Teammate[] {
  const others = agents.filter(({ name }) => name !== agent);
  const chars = Math.min(GIST.each, Math.floor(GIST.all / Math.max(1, others.length)));
  return others.map(({ name, role, instructions }) => {
    const gist = gistOf(instructions ?? '', chars);
    return { name, role, ...(gist !== '' && { instructions: gist }) };
  });
}

/**
 * The prompt as a leader with team tools gets it: the user's own words, and behind them who its teammates are and how to
 * reach them. Agents name the tools of an MCP server in several ways, and some hide them until they are searched for.
 */
export function withTeammates(prompt: string, agents: readonly Agent[], leader: string): string {
  const lines = teammatesOf(agents, leader).map(({ name, instructions }) =>
    instructions === undefined ? `- ${name}` : `- ${name}: ${instructions}`,
  );
  return [
    prompt,
    '',
    '---',
    'You lead a team. Your teammates, with the beginning of their instructions:',
    ...lines,
    `Give a teammate a task by the tool "delegate" of the MCP server "${TEAM_SERVER_NAME}". Where your tools do not show it, search ` +
      'for it. A teammate sees nothing of this conversation: say all that the task needs. You share the files of the working directory.',
  ].join('\n');
}

function gistOf(instructions: string, chars: number): string {
  // Two code units are the most that a character has; so no more than needed is looked at.
  const beginning = instructions
    .slice(0, 4 * chars)
    .replace(/\s+/g, ' ')
    .trim();
  const characters = [...beginning];
  if (characters.length <= chars && instructions.length <= 4 * chars) return beginning;
  return `${characters
    .slice(0, chars - 1)
    .join('')
    .trimEnd()}…`;
}
