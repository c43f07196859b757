/**
 * The team's tools for an agent in a container: an MCP server over stdio that forwards tool calls to the worker over a
 * mounted unix socket. The build bundles it into one file, so that it can be put into any image that has Node.
 *
 * Environment: CREWTAB_TEAM_SOCKET (path of the socket), CREWTAB_AGENT (the agent's name in its team), CREWTAB_TEAM_ROLE (`worker`
 * for a teammate, which is shown other tools; what it may do is decided by the socket).
 */
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import { CallToolRequestSchema, ErrorCode, ListToolsRequestSchema, McpError } from '@modelcontextprotocol/sdk/types.js';
import type {
  CallToolRequest,
  CallToolResult,
  ServerNotification,
  ServerRequest,
  Tool,
} from '@modelcontextprotocol/sdk/types.js';
import { TeamSocket } from './team-socket';

/** How often a client that asked for progress hears that the call is still going on. */
const PROGRESS_MS = 10_000;

/** Claude Code hides the tools of MCP servers behind a search for them, except those that say this. */
const _meta = { 'anthropic/alwaysLoad': true };

const SECONDS = {
  type: 'number',
  minimum: 0,
  description: 'How long to wait for the answer at most. Without it, as long as one call may take (a few minutes).',
};
const HANDLE = { type: 'string', minLength: 1, description: 'The handle as the last answer gave it.' };

const LEADERS_TOOLS: Tool[] = [
  {
    name: 'list_teammates',
    _meta,
    description:
      'Lists the other members of your team: their names, roles and what they are for. Call it before you delegate for the first time.',
    inputSchema: { type: 'object', properties: {}, additionalProperties: false },
  },
  {
    name: 'delegate',
    _meta,
    description:
      'Gives a task to one teammate and waits for the answer, which is returned as text. What takes longer than a few minutes is answered with a ' +
      'handle; call wait with it until the answer is there. The teammate does not see your conversation, so say everything that the task needs. ' +
      'Files in the shared workspace are visible to both of you. Several tasks may be open at the same time: give seconds 0 to get the handle at ' +
      'once. The same task for the same teammate, while it is under way, is not given twice.',
    inputSchema: {
      type: 'object',
      properties: {
        agent: { type: 'string', minLength: 1, description: "The teammate's name, as list_teammates shows it." },
        task: {
          type: 'string',
          minLength: 1,
          description: 'The whole task in words, with the form of the answer that you want.',
        },
        seconds: SECONDS,
      },
      required: ['agent', 'task'],
      additionalProperties: false,
    },
  },
  {
    name: 'wait',
    _meta,
    description:
      'Waits for the answer to a task that delegate answered with a handle. Returns the answer, or a new handle when the task takes longer.',
    inputSchema: {
      type: 'object',
      properties: { handle: HANDLE, seconds: SECONDS },
      required: ['handle'],
      additionalProperties: false,
    },
  },
  {
    name: 'answer',
    _meta,
    description:
      'Answers a question that a teammate asks about its task. Questions come with the answers of your other calls, with their ids; the teammate waits.',
    inputSchema: {
      type: 'object',
      properties: {
        question: { type: 'string', minLength: 1, description: 'The id of the question.' },
        text: { type: 'string', minLength: 1, description: 'Your answer.' },
      },
      required: ['question', 'text'],
      additionalProperties: false,
    },
  },
  {
    name: 'result',
    _meta,
    description:
      'Looks for the answer to a task without waiting. Without a handle it lists your tasks: their handles, who has them, and whether they are answered.',
    inputSchema: { type: 'object', properties: { handle: HANDLE }, additionalProperties: false },
  },
];

const NOTE_TOOLS: Tool[] = [
  {
    name: 'note',
    _meta,
    description:
      'Writes a line into the notes of the team, which all of its members can read: what others should know, such as decisions and findings.',
    inputSchema: {
      type: 'object',
      properties: { text: { type: 'string', minLength: 1, description: 'What to note.' } },
      required: ['text'],
      additionalProperties: false,
    },
  },
  {
    name: 'notes',
    _meta,
    description: 'Reads the notes of the team: who wrote what, the newest last.',
    inputSchema: { type: 'object', properties: {}, additionalProperties: false },
  },
];

const MEMBERS_TOOLS: Tool[] = [
  {
    name: 'ask',
    _meta,
    description:
      'Asks your leader about the task that you have, when you cannot go on without an answer, and waits for it. The leader sees your question ' +
      'when it looks for your answer, so this may take minutes. Ask again in the same words to wait on.',
    inputSchema: {
      type: 'object',
      properties: {
        question: {
          type: 'string',
          minLength: 1,
          description: 'The question, with what the leader must know to answer it.',
        },
        seconds: SECONDS,
      },
      required: ['question'],
      additionalProperties: false,
    },
  },
];

const INSTRUCTIONS = {
  leader:
    'You lead a team of agents. list_teammates shows who they are, delegate gives one of them a task, wait and result follow what takes ' +
    'longer, and answer replies to what a teammate asks.',
  member: 'You are a member of a team. Your tasks come from its leader; ask puts a question to it.',
};

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

/** Everything but the tool calls themselves is answered here, whether the worker is there or not. */
function teamServer(team: TeamSocket, tools: readonly Tool[], instructions: string): Server {
  const server = new Server(
    { name: 'crewtab-team', title: 'Crewtab team', version: '1.0.0' },
    {
      capabilities: { tools: {} },
      instructions,
    },
  );
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [...tools] }));
  server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) => callTool(team, tools, params, extra));
  return server;
}

/**
 * The SDK answers no request that the client has cancelled, as MCP wants it. The delegated work itself goes on; the run's
 * deadline bounds it.
 */
async function callTool(
  team: TeamSocket,
  tools: readonly Tool[],
  params: CallToolRequest['params'],
  extra: Extra,
): Promise<CallToolResult> {
  const tool = tools.find(({ name }) => name === params.name);
  if (!tool) throw new McpError(ErrorCode.InvalidParams, `there is no tool ${params.name}`);
  const args = params.arguments ?? {};
  const missing = (tool.inputSchema.required ?? []).filter(
    (name) => typeof args[name] !== 'string' || args[name] === '',
  );
  if (missing.length > 0) return toResult({ text: `missing, or not a text: ${missing.join(', ')}`, isError: true });
  const stopProgress = startProgress(tool.name, extra);
  try {
    return toResult(await team.call(tool.name, args, extra.signal));
  } finally {
    stopProgress();
  }
}

/** Keeps a client that watches for progress from giving up on a long delegation. @returns what ends it. */
function startProgress(tool: string, { _meta, signal, sendNotification }: Extra): () => void {
  const progressToken = _meta?.progressToken;
  if (progressToken === undefined) return () => undefined;
  let progress = 0;
  const tell = (): void => {
    const params = { progressToken, progress: ++progress, message: `${tool} is going on` };
    void sendNotification({ method: 'notifications/progress', params });
  };
  tell();
  const timer = setInterval(tell, PROGRESS_MS);
  const stop = (): void => clearInterval(timer);
  signal.addEventListener('abort', stop, { once: true });
  return stop;
}

function toResult({ text, isError }: { text: string; isError: boolean }): CallToolResult {
  return { content: [{ type: 'text', text }], isError };
}

async function main(): Promise<void> {
  const { CREWTAB_TEAM_SOCKET: path, CREWTAB_AGENT: agent, CREWTAB_TEAM_ROLE: role } = process.env;
  if (!path || !agent) {
    process.stderr.write('team-bridge: CREWTAB_TEAM_SOCKET and CREWTAB_AGENT must be set\n');
    process.exit(2);
  }
  // The agent is gone, and with it all who could want an answer.
  const leave = (): void => process.exit(0);
  process.stdin.on('end', leave);
  process.stdin.on('error', leave);
  process.stdout.on('error', leave);
  // A call that is too long for the worker is answered in words, which takes reading it first.
  const transport = new StdioServerTransport(process.stdin, process.stdout, { maxBufferSize: Infinity });
  const [tools, instructions] =
    role === 'worker'
      ? [[...MEMBERS_TOOLS, ...NOTE_TOOLS], INSTRUCTIONS.member]
      : [[...LEADERS_TOOLS, ...NOTE_TOOLS], INSTRUCTIONS.leader];
  const team = new TeamSocket(path, agent);
  team.announce();
  await teamServer(team, tools, instructions).connect(transport);
}

void main();
