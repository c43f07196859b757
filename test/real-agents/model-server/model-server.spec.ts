import { ModelServer } from './model-server';
import { call, callAfter, cut, drop, hang, refuse, say, sayUntilLimit, type Script, type Step } from './script';

const KEY = 'right-key';

/** How one API is asked in these tests, and where the answer's text stands in an event of it. */
interface Api {
  readonly name: string;
  readonly path: string;
  readonly headers: (key: string) => Record<string, string>;
  /** A conversation whose newest prompt is followed by `made` calls of tools. */
  readonly body: (prompt: string, made: number) => object;
  readonly text: RegExp;
  readonly call: string;
  readonly limit: string;
  readonly usage: RegExp;
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const repeat = (made: number, ...turns: object[]): object[] => Array.from({ length: made }, () => turns).flat();

const APIS: readonly Api[] = [
  {
    name: 'anthropic-messages',
    path: '/v1/messages?beta=true',
    headers: (key) => ({ 'x-api-key': key }),
    body: (prompt, made) => ({
      ...{ model: 'm', stream: true, system: [{ type: 'text', text: 'Be brief.' }], tools: [{ name: 'Bash' }] },
      messages: [
        { role: 'user', content: [{ type: 'text', text: prompt }] },
        ...repeat(
          made,
          { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'Bash', input: {} }] },
          { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: 'made' }] },
        ),
      ],
    }),
    text: /"text_delta","text":"([^"]*)"/g,
    call: '"type":"tool_use"',
    limit: '"stop_reason":"max_tokens"',
    usage: /"input_tokens":7.*"output_tokens":3/s,
  },
  {
    name: 'openai-responses',
    path: '/v1/responses',
    headers: bearer,
    body: (prompt, made) => ({
      ...{ model: 'm', stream: true, instructions: 'Be brief.', tools: [{ type: 'function', name: 'Bash' }] },
      input: [
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: prompt }] },
        ...repeat(
          made,
          { type: 'function_call', name: 'Bash', call_id: 't', arguments: '{}' },
          { type: 'function_call_output', call_id: 't', output: 'made' },
        ),
      ],
    }),
    text: /output_text\.delta","content_index":0,"delta":"([^"]*)"/g,
    call: '"type":"function_call"',
    limit: '"status":"incomplete"',
    usage: /"input_tokens":7.*"output_tokens":3/s,
  },
  {
    name: 'openai-chat',
    path: '/v1/chat/completions',
    headers: bearer,
    body: (prompt, made) => ({
      ...{ model: 'm', stream: true, tools: [{ type: 'function', function: { name: 'Bash' } }] },
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: prompt },
        ...repeat(
          made,
          { role: 'assistant', tool_calls: [{ id: 't', function: { name: 'Bash', arguments: '{}' } }] },
          { role: 'tool', tool_call_id: 't', content: 'made' },
        ),
      ],
    }),
    text: /"content":"([^"]*)"/g,
    call: '"tool_calls":[{',
    limit: '"finish_reason":"length"',
    usage: /"prompt_tokens":7.*"completion_tokens":3/s,
  },
  {
    name: 'gemini',
    path: '/v1beta/models/m:streamGenerateContent?alt=sse',
    headers: (key) => ({ 'x-goog-api-key': key }),
    body: (prompt, made) => ({
      systemInstruction: { parts: [{ text: 'Be brief.' }] },
      tools: [{ functionDeclarations: [{ name: 'Bash' }] }],
      contents: [
        { role: 'user', parts: [{ text: prompt }] },
        ...repeat(
          made,
          { role: 'model', parts: [{ functionCall: { name: 'Bash', args: {} } }] },
          { role: 'user', parts: [{ functionResponse: { name: 'Bash', response: { output: 'made' } } }] },
        ),
      ],
    }),
    text: /"text":"([^"]*)"/g,
    call: '"functionCall":{',
    limit: '"finishReason":"MAX_TOKENS"',
    usage: /"promptTokenCount":7.*"candidatesTokenCount":3/s,
  },
];

describe.each(APIS)('the stand-in for the API $name', (api) => {
  let models: ModelServer;

  beforeEach(async () => {
    models = await ModelServer.start({ key: KEY });
  });

  afterEach(() => models.close());

  const ask = (prompt: string, made = 0, key = KEY): Promise<Response> =>
    fetch(models.url + api.path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...api.headers(key) },
      body: JSON.stringify(api.body(prompt, made)),
    });
  const script = (...steps: Step[]): Script => models.script(...steps);
  const textOf = (stream: string): string => [...stream.matchAll(api.text)].map(([, text]) => text).join('');

  it('plays the steps of the script that the prompt names, by the calls that were made', async () => {
    const played = script(
      call({ tool: 'Bash', input: { command: 'ls' } }),
      say('All is done.', { input: 7, output: 3 }),
    );
    expect(await (await ask(played.prompt)).text()).toContain(api.call);
    const end = await (await ask(played.prompt, 1)).text();
    expect(textOf(end)).toBe('All is done.');
    expect(end).toMatch(api.usage);
    expect(models.requestsOf(played)).toMatchObject([
      { api: api.name, key: KEY, model: 'm', isStreamed: true, instructions: 'Be brief.', tools: ['Bash'] },
      {
        turns: [
          { by: 'user' },
          { by: 'model', calls: 1 },
          { by: 'tool', text: expect.stringContaining('made') as string },
        ],
      },
    ]);
  });

  it('calls a tool with what the calls before it gave', async () => {
    const played = script(
      call({ tool: 'Bash', input: { command: 'ls' } }),
      callAfter((heard) => ({ tool: 'Bash', input: { command: `cat ${heard.trim()}` } })),
    );
    await (await ask(played.prompt)).text();
    const wire = (await (await ask(played.prompt, 1)).text()).replaceAll(/[^a-z]/g, '');
    expect(wire).toContain('cat');
    expect(wire).toContain('made');
  });

  it('says that its token limit cut the answer', async () => {
    expect(await (await ask(script(sayUntilLimit('So far')).prompt)).text()).toContain(api.limit);
  });

  it('refuses as often as the script says, and every wrong key', async () => {
    const played = script(refuse(529, 'Overloaded', 1), say('Well.'));
    const refused = await ask(played.prompt);
    expect([refused.status, await refused.text()]).toEqual([529, expect.stringContaining('Overloaded')]);
    expect(textOf(await (await ask(played.prompt)).text())).toBe('Well.');
    expect((await ask(played.prompt, 0, 'wrong-key')).status).toBe(api.name === 'gemini' ? 400 : 401);
  });

  it('breaks a connection before and in the middle of an answer', async () => {
    await expect(ask(script(drop()).prompt)).rejects.toThrow('fetch failed');
    const half = await ask(script(cut('A text that has no end')).prompt);
    await expect(half.text()).rejects.toThrow('terminated');
  });

  it('says nothing until the client hangs up', async () => {
    const played = script(hang());
    const asked = ask(played.prompt);
    await models.untilAsked(played);
    await models.close();
    await expect(asked).rejects.toThrow('fetch failed');
    models = await ModelServer.start({ key: KEY });
  });
});

describe('the stand-in for the APIs', () => {
  it('knows what Codex offers its newest models: tools among the input, called with text that is no JSON', async () => {
    const models = await ModelServer.start({ key: KEY });
    const played = models.script(call({ tool: 'exec', namespace: 'functions', input: 'text(1)' }));
    const input = [
      {
        type: 'additional_tools',
        role: 'developer',
        tools: [{ type: 'namespace', name: 'functions', tools: [{ name: 'exec' }] }],
      },
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: played.prompt }] },
    ];
    const body = JSON.stringify({ model: 'm', stream: true, input });
    const answer = await fetch(`${models.url}/v1/responses`, { method: 'POST', headers: bearer(KEY), body });
    expect(await answer.text()).toContain('"type":"custom_tool_call"');
    expect(models.requestsOf(played)).toMatchObject([{ tools: ['functions.exec'] }]);
    await models.close();
  });

  it('knows what one agent of Codex tells another, sealed or not, as a prompt', async () => {
    const models = await ModelServer.start({ key: KEY });
    const played = models.script(say('Done.'));
    const content = [
      { type: 'input_text', text: 'Payload:' },
      { type: 'encrypted_content', encrypted_content: played.prompt },
    ];
    const input = [
      { type: 'additional_tools', role: 'developer', tools: [{ name: 'exec' }] },
      { type: 'agent_message', author: '/root', recipient: '/root/part', content },
    ];
    const body = JSON.stringify({ model: 'm', stream: true, input });
    const answer = await fetch(`${models.url}/v1/responses`, { method: 'POST', headers: bearer(KEY), body });
    expect(await answer.text()).toContain('Done.');
    expect(models.requestsOf(played)).toHaveLength(1);
    await models.close();
  });

  it('notes what is none of them', async () => {
    const models = await ModelServer.start({ key: KEY });
    expect((await fetch(`${models.url}/v1/organizations`)).status).toBe(404);
    expect(models.strangers).toEqual(['GET /v1/organizations']);
    await models.close();
  });
});
