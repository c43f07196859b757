import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { ANTHROPIC_MESSAGES } from './anthropic-messages';
import { GEMINI } from './gemini';
import { OPENAI_CHAT } from './openai-chat';
import { OPENAI_RESPONSES } from './openai-responses';
import { playedOf, replyOf, Script, type PlayedStep, type Step } from './script';
import { objectOf, type ModelRequest, type SentEvent, type Turn, type Wire } from './wire';

const TITLE = playedOf(replyOf({ text: 'A title' }), '');
const WIRES: readonly Wire[] = [ANTHROPIC_MESSAGES, OPENAI_RESPONSES, OPENAI_CHAT, GEMINI];

/** A request as it came, and the script that it belongs to; null: a title, or a look at what there is. */
export interface SeenRequest extends ModelRequest {
  readonly api: string;
  readonly script: string | null;
}

interface FoundScript {
  readonly script: Script;
  /** Replies with calls of tools that were given since its prompt. */
  readonly made: number;
  /** What these calls gave. */
  readonly heard: string;
}

export interface ModelServerOptions {
  /** The only key that is right. */
  readonly key: string;
  /** Default: loopback. */
  readonly address?: string;
}

/**
 * Stands in for the models of Anthropic, OpenAI and Google: what an agent's prompt names as its script is played, and every
 * request is kept for the tests.
 */
export class ModelServer {
  readonly requests: SeenRequest[] = [];
  /** What was asked that no API of models has: method and path. */
  readonly strangers: string[] = [];
  private readonly scripts: Script[] = [];
  private readonly server: Server;
  private readonly watchers = new Set<() => void>();

  private constructor(private readonly options: ModelServerOptions) {
    this.server = createServer((request, response) => {
      this.answer(request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : new Error(String(error)));
      });
    });
  }

  static async start(options: ModelServerOptions): Promise<ModelServer> {
    const made = new ModelServer(options);
    await once(made.server.listen(0, options.address ?? '127.0.0.1'), 'listening');
    return made;
  }

  get address(): string {
    return (this.server.address() as AddressInfo).address;
  }

  /** As a URL has it: address and port. */
  get host(): string {
    const { address, port } = this.server.address() as AddressInfo;
    return `${address}:${port}`;
  }

  get url(): string {
    return `http://${this.host}`;
  }

  /** Of a name that is in no other script's name. */
  script(...steps: readonly Step[]): Script {
    const script = new Script(`script-${this.scripts.length + 1}-`, steps);
    this.scripts.push(script);
    return script;
  }

  requestsOf({ name }: Script): SeenRequest[] {
    return this.requests.filter(({ script }) => script === name);
  }

  /** What the calls of its tools gave, in order. */
  heardBy(script: Script): string[] {
    const longest = this.requestsOf(script).reduce<readonly Turn[]>(
      (most, { turns }) => (turns.length > most.length ? turns : most),
      [],
    );
    return textsOfTools(longest);
  }

  /** Resolves when the script was asked for so many times. */
  async untilAsked(script: Script, times = 1): Promise<void> {
    while (this.requestsOf(script).length < times) await new Promise<void>((resolve) => this.watchers.add(resolve));
  }

  async close(): Promise<void> {
    const closed = once(this.server.close(), 'close');
    this.server.closeAllConnections();
    await closed;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', this.url);
    const wire = WIRES.find(({ path }) => request.method === 'POST' && path.test(pathname));
    const body = await readText(request);
    if (!wire) {
      this.strangers.push(`${request.method} ${pathname}`);
      sendJson(response, 404, { error: { message: 'not found' } });
      return;
    }
    const asked = wire.read(pathname, request.headers, objectOf(JSON.parse(body)));
    const found = this.findScript(asked);
    this.note({ ...asked, api: wire.name, script: found?.script.name ?? null });
    if (asked.key !== this.options.key) {
      const { status, message } = wire.wrongKey;
      sendJson(response, status, wire.refusal(status, message));
      return;
    }
    await play(found?.script.stepAt(found.made, found.heard) ?? TITLE, wire, asked, response);
  }

  /** The script that the newest prompt names. A request without tools asks for a title or a summary of it. */
  private findScript({ turns, tools }: ModelRequest): FoundScript | null {
    if (tools.length === 0) return null;
    for (let at = turns.length - 1; at >= 0; at -= 1) {
      const turn = turns[at];
      const script = this.scripts.findLast(({ name }) => turn?.by === 'user' && turn.text.includes(name));
      if (!script) continue;
      const since = turns.slice(at);
      const heard = textsOfTools(since).join('\n');
      return { script, made: since.filter(({ calls }) => calls > 0).length, heard };
    }
    return null;
  }

  private note(request: SeenRequest): void {
    this.requests.push(request);
    for (const resolve of this.watchers) resolve();
    this.watchers.clear();
  }
}

async function play(
  step: PlayedStep,
  wire: Wire,
  { model, isStreamed }: ModelRequest,
  response: ServerResponse,
): Promise<void> {
  switch (step.kind) {
    case 'reply':
      if (isStreamed) sendStream(response, wire.stream(step.reply, model)).end();
      else sendJson(response, 200, wire.whole(step.reply, model));
      return;
    case 'refuse':
      sendJson(response, step.status, wire.refusal(step.status, step.message));
      return;
    case 'cut': {
      const events = wire.stream(step.reply, model);
      sendStream(response, events.slice(0, Math.ceil(events.length / 2)));
      // What was written leaves before the connection breaks.
      setImmediate(() => response.destroy());
      return;
    }
    case 'drop':
      response.destroy();
      return;
    case 'hang':
      await once(response, 'close');
  }
}

function textsOfTools(turns: readonly Turn[]): string[] {
  return turns.flatMap(({ by, text }) => (by === 'tool' ? [text] : []));
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function sendStream(response: ServerResponse, events: readonly SentEvent[]): ServerResponse {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const { event, data } of events) {
    if (event !== undefined) response.write(`event: ${event}\n`);
    response.write(`data: ${data === '[DONE]' ? data : JSON.stringify(data)}\n\n`);
  }
  return response;
}
