import type { AgentInput } from '../../kit/client';

/** What the source of a hostile turn may use. */
const PRELUDE = `
  const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n');
  const text = (words) => say({ method: 'session/update', params: { sessionId: 's',
    update: { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: words } } } });
  const flood = (unit, bytes) => {
    const chunk = unit.repeat(Math.ceil(65536 / unit.length));
    for (let left = bytes; left > 0; left -= chunk.length) process.stdout.write(chunk.slice(0, left));
  };
  let servers = [];`;

/**
 * An ACP agent of a few lines of JavaScript, which writes what no agent would.
 * @param turn what it does when it is prompted, with `say`, `text`, `flood`, `servers` (of MCP) and `end()`
 */
export function rawAgent(turn: string): Pick<AgentInput, 'protocol' | 'command'> {
  const source = `${PRELUDE}
  require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
    if (line === '') return;
    const { id, method, params } = JSON.parse(line);
    const end = () => say({ id, result: { stopReason: 'end_turn' } });
    if (method === 'initialize') say({ id, result: { protocolVersion: 1 } });
    if (method === 'session/new') { servers = params.mcpServers; say({ id, result: { sessionId: 's' } }); }
    if (method === 'session/prompt') { ${turn} }
  });`;
  return { protocol: 'acp', command: ['node', '-e', source] };
}

/** A turn that gives tasks to a teammate over the socket of the team's tools, some at a time, and tells how it went. */
export function delegating(tasks: number, taskChars: number, atATime: number): string {
  return `
    const env = Object.fromEntries(servers[0].env.map(({ name, value }) => [name, value]));
    const socket = require('net').connect(env.CREWTAB_TEAM_SOCKET);
    const refused = new Set();
    let next = 0, answered = 0, pending = '';
    const more = () => { const id = 'c' + next++;
      // Each in words of its own: the same again would join the one under way.
      const task = id.padEnd(${taskChars}, 'x');
      socket.write(JSON.stringify({ id, agent: env.CREWTAB_AGENT, tool: 'delegate', arguments: { agent: 'helper', task } }) + '\\n'); };
    socket.on('data', (bytes) => {
      const lines = (pending + bytes).split('\\n');
      pending = lines.pop();
      for (const line of lines) {
        const { error } = JSON.parse(line);
        if (error && !refused.has(error.message)) { refused.add(error.message); text('refused: ' + error.message + '\\n'); }
        if (++answered === ${tasks}) end(); else if (next < ${tasks}) more();
      }
    });
    for (let count = 0; count < ${atATime}; count++) more();`;
}
