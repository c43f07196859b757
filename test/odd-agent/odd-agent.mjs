// An ACP agent with one oddity of the wire: `node odd-agent.mjs MODE`. README.md beside it says what each mode does. It
// writes its lines itself, because no SDK would let it.
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

const SESSION = 'odd-1';
const ANSWER = 'the answer is 42';

/** What an agent of each mode does otherwise than PLAIN. A turn returns its stop reason, or null when it stays open. */
const MODES = {
  plain: {},
  osc: { beforeFirstLine: '\x1b]0;odd agent\x07' },
  cr: { beforeFirstLine: 'Loading 10 %\rLoading 100 %\r' },
  bom: { beforeFirstLine: '\ufeff' },
  numeric: {
    takes: ({ id }) => typeof id === 'number',
    refuse: () => send({ id: null, error: { code: -32600, message: 'the id must be a number' } }),
  },
  auth: {
    authMethods: [{ id: 'api-key', name: 'Use API_KEY of the environment' }],
    takes: ({ method }) => method !== 'session/new' || hasAuthenticated,
    refuse: ({ id }) => send({ id, error: { code: -32000, message: 'Authentication required' } }),
  },
  greet: { greet: () => say('odd agent v1\n---\n## Skills\n- none\n\n') },
  splitthought: {
    turn() {
      say('The answer has two ', { messageId: 'm1' });
      update({ sessionUpdate: 'agent_thought_chunk', content: textBlock('hm'), messageId: 't1' });
      say('halves.', { messageId: 'm1' });
      return 'end_turn';
    },
  },
  string: { turn: () => saying({ content: ANSWER }) },
  array: { turn: () => saying({ content: [textBlock(ANSWER)] }) },
  late: {
    turn: () => saying({ content: textBlock('Half of the answer, ') }),
    afterTurn: () => delay(50).then(() => say('and the other half.')),
  },
  child: {
    turn() {
      say('The main agent says A, ');
      say('[words of a sub-agent]', {}, 'odd-1-child');
      say('the main agent says B.');
      return 'end_turn';
    },
  },
  empty: { turn: () => 'end_turn' },
  opentool: {
    turn() {
      say('Let me check the tests.');
      update({
        sessionUpdate: 'tool_call',
        toolCallId: 'c1',
        title: 'npm test',
        kind: 'execute',
        status: 'in_progress',
      });
      return 'end_turn';
    },
  },
  chooser: {
    async turn() {
      const toolCall = { toolCallId: 'q1', title: 'What is to be done with the old database?' };
      const options = [
        { optionId: 'drop', name: 'Delete production', kind: 'allow_once' },
        { optionId: 'keep', name: 'Keep it', kind: 'allow_once' },
        { optionId: 'later', name: 'Ask me later', kind: 'reject_once' },
      ];
      const { outcome } =
        (await request('session/request_permission', { sessionId: SESSION, toolCall, options })) ?? {};
      return saying({ content: textBlock(`the client chose ${outcome?.optionId ?? outcome?.outcome}`) });
    },
  },
  unresponsive: { turn: () => null },
  garbage: {
    turn() {
      write('npm warn this is no JSON {"jsonrpc":\n');
      return saying({ content: textBlock(ANSWER) });
    },
  },
  unknownupdate: {
    turn() {
      update({ sessionUpdate: 'odd_weather', forecast: 'sunny', degrees: 21 });
      return saying({ content: textBlock(ANSWER) });
    },
  },
  halfline: {
    async turn() {
      const line = JSON.stringify({ jsonrpc: '2.0', ...updateOf({ ...chunk, content: textBlock(ANSWER) }) });
      write(line.slice(0, line.length / 2));
      await delay(50);
      write(`${line.slice(line.length / 2)}\n`);
      return 'end_turn';
    },
  },
  stranger: {
    turn() {
      send({ id: 'asked-by-none', result: { stopReason: 'refusal' } });
      return saying({ content: textBlock(ANSWER) });
    },
  },
  twice: {
    turn: () => saying({ content: textBlock(ANSWER) }),
    afterTurn: (id) => send({ id, result: { stopReason: 'refusal' } }),
  },
};

const chunk = { sessionUpdate: 'agent_message_chunk' };
const PLAIN = {
  beforeFirstLine: '',
  authMethods: [],
  takes: () => true,
  greet: () => undefined,
  turn: (text) => saying({ content: textBlock(`You asked: ${text}`) }),
  afterTurn: () => undefined,
};

const name = process.argv[2] ?? 'plain';
if (!Object.hasOwn(MODES, name)) throw new Error(`there is no mode ${name}: ${Object.keys(MODES).join(', ')}`);
const mode = { ...PLAIN, ...MODES[name] };
const waiting = new Map();
let hasAuthenticated = false;
let openTurn = null;
let isFirstLine = true;

async function receive(message) {
  const { id, method, params } = message;
  if (method === undefined) return waiting.get(id)?.(message.result);
  if (method === 'session/cancel') return cancel();
  if (id === undefined) return;
  if (!mode.takes(message)) return mode.refuse(message);
  switch (method) {
    case 'initialize':
      return send({ id, result: { protocolVersion: 1, agentCapabilities: {}, authMethods: mode.authMethods } });
    case 'authenticate':
      hasAuthenticated = true;
      return send({ id, result: {} });
    case 'session/new':
      send({ id, result: { sessionId: SESSION } });
      return mode.greet();
    case 'session/prompt':
      return prompt(id, params.prompt.map(({ text }) => text ?? '').join('\n'));
    default:
      return send({ id, error: { code: -32601, message: `there is no method ${method}` } });
  }
}

async function prompt(id, text) {
  openTurn = id;
  const stopReason = await mode.turn(text);
  if (stopReason === null) return;
  openTurn = null;
  send({ id, result: { stopReason } });
  await mode.afterTurn(id);
}

/** It says that it heard the cancel, for tests, on the stream of its answer: between two streams no order is promised. */
function cancel() {
  say('heard session/cancel');
  if (openTurn !== null) send({ id: openTurn, result: { stopReason: 'cancelled' } });
  openTurn = null;
}

function request(method, params) {
  const id = 7;
  send({ id, method, params });
  return new Promise((resolve) => waiting.set(id, resolve));
}

function textBlock(text) {
  return { type: 'text', text };
}

function say(text, extra = {}, sessionId = SESSION) {
  update({ ...chunk, content: textBlock(text), ...extra }, sessionId);
}

/** One chunk with this content, as a whole turn. */
function saying({ content }) {
  update({ ...chunk, content });
  return 'end_turn';
}

function update(body, sessionId = SESSION) {
  send(updateOf(body, sessionId));
}

function updateOf(body, sessionId = SESSION) {
  return { method: 'session/update', params: { sessionId, update: body } };
}

function send(message) {
  write(`${isFirstLine ? mode.beforeFirstLine : ''}${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  isFirstLine = false;
}

function write(text) {
  process.stdout.write(text);
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    if (line.trim() !== '') void receive(JSON.parse(line));
  })
  .on('close', () => process.exit(0));
