import type { LineWriter } from './lines';

export type RpcId = string | number | null;

export interface RpcError {
  readonly code: number;
  readonly message: string;
}

/** Thrown by a method to answer its request with this error. */
export class RpcFailure extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
    this.name = 'RpcFailure';
  }
}

export const RPC_CODES = {
  parse: -32700,
  invalidRequest: -32600,
  noMethod: -32601,
  invalidParams: -32602,
  internal: -32603,
} as const;

type Params = Readonly<Record<string, unknown>>;

/** What the other side may ask for. */
export interface RpcMethods {
  readonly requests: Readonly<Record<string, (params: Params, id: RpcId) => Promise<unknown>>>;
  readonly notifications: Readonly<Record<string, (params: Params) => void>>;
}

interface RpcMessage {
  readonly id?: RpcId;
  readonly method?: unknown;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
}

/** JSON-RPC 2.0 in both directions, one message a line. */
export class JsonRpcPeer {
  private readonly waiting = new Map<RpcId, (result: unknown) => void>();

  constructor(
    private readonly writer: LineWriter,
    private readonly methods: RpcMethods,
  ) {}

  receive(line: string): void {
    if (line.trim() === '') return;
    const message = parse(line);
    if (!message)
      return void this.send({ id: null, error: { code: RPC_CODES.parse, message: 'not a JSON-RPC message' } });
    if (typeof message.method !== 'string') return this.settle(message);
    const params = (typeof message.params === 'object' && message.params !== null ? message.params : {}) as Params;
    if (message.id === undefined) return this.hear(message.method, params);
    void this.answer(message.id, message.method, params);
  }

  notify(method: string, params: unknown): Promise<void> {
    return this.send({ method, params });
  }

  /** Resolves with the result, or with undefined when the answer was an error. An answer that comes twice counts once. */
  request(id: string, method: string, params: unknown): Promise<unknown> {
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      void this.send({ id, method, params });
    });
  }

  private hear(method: string, params: Params): void {
    if (Object.hasOwn(this.methods.notifications, method)) this.methods.notifications[method]?.(params);
  }

  private async answer(id: RpcId, method: string, params: Params): Promise<void> {
    try {
      const run = Object.hasOwn(this.methods.requests, method) ? this.methods.requests[method] : undefined;
      if (!run) throw new RpcFailure(RPC_CODES.noMethod, `there is no method ${method}`);
      await this.send({ id, result: await run(params, id) });
    } catch (error) {
      const code = error instanceof RpcFailure ? error.code : RPC_CODES.internal;
      await this.send({ id, error: { code, message: error instanceof Error ? error.message : String(error) } });
    }
  }

  private settle(message: RpcMessage): void {
    const resolve = this.waiting.get(message.id ?? null);
    this.waiting.delete(message.id ?? null);
    resolve?.(message.error === undefined ? message.result : undefined);
  }

  private send(message: object): Promise<void> {
    return this.writer.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }
}

function parse(line: string): RpcMessage | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
