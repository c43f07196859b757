import type { AgentInput } from '../../kit/client';
import type { ModelServer } from '../model-server/model-server';
import type { ToolCall } from '../model-server/script';

/** What the tests must know of an agent program: how a team names it, and what its model calls its tools. */
export interface AgentProgram {
  /** Of its preset. */
  readonly name: 'claude-code' | 'codex' | 'opencode' | 'gemini';
  /** @param key the API key that the agent has */
  agent(models: ModelServer, key: string): Pick<AgentInput, 'model' | 'env'>;
  /** What makes it ask for permissions; null: nothing does, in a container. */
  readonly asking: Pick<AgentInput, 'mode' | 'env'> | null;
  shell(command: string): ToolCall;
  write(path: string, content: string): ToolCall;
  /** A tool of an MCP server. */
  mcp(server: string, tool: string, input: Readonly<Record<string, unknown>>): ToolCall;
  /** What gives a task to an agent of its own, and waits for its answer. */
  subAgent(task: string): readonly ToolCall[];
  /** How such an agent ends; null: by what it says. */
  readonly report: ((text: string) => ToolCall) | null;
}

export const CLAUDE_CODE: AgentProgram = {
  name: 'claude-code',
  agent: (models, key) => ({
    model: 'claude-sonnet-4-5',
    env: { ANTHROPIC_API_KEY: key, ANTHROPIC_BASE_URL: models.url },
  }),
  asking: { mode: 'default' },
  shell: (command) => ({ tool: 'Bash', input: { command, description: 'a step of the task' } }),
  write: (path, content) => ({ tool: 'Write', input: { file_path: path, content } }),
  mcp: (server, tool, input) => ({ tool: `mcp__${server}__${tool}`, input }),
  subAgent: (task) => [
    {
      tool: 'Agent',
      input: {
        ...{ description: 'a part of the task', prompt: task },
        ...{ subagent_type: 'general-purpose', run_in_background: false },
      },
    },
  ],
  report: null,
};

export const CODEX: AgentProgram = {
  name: 'codex',
  agent: (models, key) => ({
    // One that it knows. It has one tool, which runs JavaScript that has the others.
    model: 'gpt-6.1-sol',
    env: { CODEX_API_KEY: key, OPENAI_BASE_URL: `${models.url}/v1` },
  }),
  asking: null,
  shell: (command) => codexScript(`text((await tools.exec_command({ cmd: ${JSON.stringify(command)} })).output)`),
  write: (path, content) =>
    codexScript(
      `text(await tools.apply_patch(${JSON.stringify(`*** Begin Patch\n*** Add File: ${path}\n+${content}\n*** End Patch`)}))`,
    ),
  mcp: (server, tool, input) =>
    codexScript(`text(await tools.mcp__${server.replaceAll('-', '_')}__${tool}(${JSON.stringify(input)}))`),
  subAgent: (task) => [
    {
      tool: 'spawn_agent',
      namespace: 'collaboration',
      input: { task_name: 'part', message: task, fork_turns: 'none' },
    },
    { tool: 'wait_agent', namespace: 'collaboration', input: { timeout_ms: 120_000 } },
  ],
  report: null,
};

function codexScript(source: string): ToolCall {
  return { tool: 'exec', namespace: 'functions', input: source };
}

export const OPENCODE: AgentProgram = {
  name: 'opencode',
  agent: (models, key) => ({
    model: 'anthropic/claude-sonnet-4-5',
    env: { ANTHROPIC_API_KEY: key, OPENCODE_BASE_URL: `${models.url}/v1` },
  }),
  asking: { env: { OPENCODE_PERMISSION: JSON.stringify({ edit: 'ask', bash: 'ask' }) } },
  shell: (command) => ({ tool: 'bash', input: { command, description: 'a step of the task' } }),
  write: (path, content) => ({ tool: 'write', input: { filePath: path, content } }),
  mcp: (server, tool, input) => ({ tool: `${server}_${tool}`, input }),
  subAgent: (task) => [
    { tool: 'task', input: { description: 'a part of the task', prompt: task, subagent_type: 'general' } },
  ],
  report: null,
};

export const GEMINI: AgentProgram = {
  name: 'gemini',
  agent: (models, key) => ({
    model: 'gemini-2.5-pro',
    env: { GEMINI_API_KEY: key, GOOGLE_GEMINI_BASE_URL: models.url },
  }),
  asking: { mode: 'default' },
  shell: (command) => ({ tool: 'run_shell_command', input: { command } }),
  write: (path, content) => ({ tool: 'write_file', input: { file_path: path, content } }),
  mcp: (server, tool, input) => ({ tool: `mcp_${server}_${tool}`, input }),
  subAgent: (task) => [{ tool: 'invoke_agent', input: { agent_name: 'generalist', prompt: task } }],
  report: (text) => ({ tool: 'complete_task', input: { result: { response: text } } }),
};

/** A tool of the team. */
export function team(program: AgentProgram, tool: string, input: Readonly<Record<string, unknown>>): ToolCall {
  return program.mcp('crewtab-team', tool, input);
}
