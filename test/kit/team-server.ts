import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { McpServerStdio } from '@agentclientprotocol/sdk';
import { compileAgent } from '../../images/build/compile-agent';
import { readLines } from '../../images/team-bridge/lines';

export interface ToolCall {
  readonly id: string;
  readonly agent: string;
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly waitedMs: number;
}

export type ToolAnswer = { readonly text: string } | { readonly error: string };

/** The worker's end of the team socket, on a real unix socket that can be taken down and brought back. */
export class TeamServer {
  /** Every line received, repetitions included. */
  readonly calls: ToolCall[] = [];
  /** null leaves a call unanswered. */
  answer: (call: ToolCall) => ToolAnswer | null = () => ({ text: 'done' });
  private server: Server | null = null;
  private readonly sockets = new Set<Socket>();
  private readonly watchers = new Set<() => void>();

  constructor(
    private readonly folder: string,
    readonly path: string,
  ) {}

  async listen(): Promise<void> {
    const server = createServer((socket) => this.accept(socket));
    this.server = server;
    await new Promise<void>((resolve) => server.listen(this.path, resolve));
  }

  /** As a worker that dies: the socket's file goes and all connections break. */
  async goDown(): Promise<void> {
    const { server } = this;
    this.server = null;
    for (const socket of this.sockets) socket.destroy();
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  async close(): Promise<void> {
    await this.goDown();
    await rm(this.folder, { recursive: true });
  }

  /** Resolves when that many lines were received in all. */
  untilCalls(count: number): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (this.calls.length < count) return;
        this.watchers.delete(check);
        resolve();
      };
      this.watchers.add(check);
      check();
    });
  }

  /** The bridge, as `session/new` hands it over. */
  async mcpServer(agent: string): Promise<McpServerStdio> {
    const { teamBridge } = await compileAgent();
    const env = [
      { name: 'CREWTAB_TEAM_SOCKET', value: this.path },
      { name: 'CREWTAB_AGENT', value: agent },
    ];
    return { name: 'team', command: process.execPath, args: [teamBridge], env };
  }

  private accept(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    readLines(socket, (line) => this.receive(socket, JSON.parse(line) as ToolCall));
  }

  private receive(socket: Socket, call: ToolCall): void {
    this.calls.push(call);
    const answer = this.answer(call);
    if (answer) socket.write(`${JSON.stringify({ id: call.id, ...wireForm(answer) })}\n`);
    for (const check of this.watchers) check();
  }
}

export async function startTeamServer(): Promise<TeamServer> {
  const folder = await mkdtemp(join(tmpdir(), 'team-'));
  const server = new TeamServer(folder, join(folder, 'team.sock'));
  await server.listen();
  return server;
}

function wireForm(answer: ToolAnswer): object {
  return 'error' in answer ? { error: { message: answer.error } } : { result: answer };
}
