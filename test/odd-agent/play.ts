import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { ProtocolSession, TurnState } from '@crewtab/domain/ports/agent-protocol';
import type { OutputLine } from '@crewtab/domain/ports/runtime';
import { LineSplitter } from '@crewtab/domain/runs/agent-output';
import type { DraftMessage } from '@crewtab/domain/runs/message';
import type { Agent } from '@crewtab/domain/teams/team';
import { AcpProtocol } from '@crewtab/protocol-acp/acp-session';
import { dialogueWith } from '../fakes/protocol/dialogue';

const PROGRAM = join(__dirname, 'odd-agent.mjs');
const TURN = 'prompt:run-1';
const protocol = new AcpProtocol();

export interface Played {
  readonly session: ProtocolSession;
  readonly turn: TurnState | undefined;
  readonly messages: readonly DraftMessage[];
  /** Its output lines, for playing them again. */
  readonly lines: readonly OutputLine[];
}

/** One turn of the odd agent as a process, spoken to as a worker does; it is ended when the turn has ended and it is quiet. */
export function play(mode: string, agent: Partial<Agent> = {}): Promise<Played> {
  const child = spawn(process.execPath, [PROGRAM, mode], { stdio: 'pipe' });
  const session = protocol.begin(dialogueWith(agent));
  const messages: DraftMessage[] = [];
  const lines: OutputLine[] = [];
  const write = (outgoing: readonly { readonly data: string }[]): void => {
    for (const { data } of outgoing) child.stdin.write(data);
  };
  let hasBegun = false;
  let quiet: NodeJS.Timeout | undefined;
  const hear = (line: OutputLine): void => {
    lines.push(line);
    const reaction = session.receive(line, new Date());
    messages.push(...reaction.messages);
    write(reaction.outgoing);
    const { handshake, turns } = session.state;
    if (handshake.status === 'ready' && !hasBegun) {
      hasBegun = true;
      // Its greeting, if it has one, comes first.
      setTimeout(() => write(session.startTurn({ id: TURN, text: 'hm' })), 100);
    }
    const isOver = handshake.status === 'failed' || (hasBegun && (turns.get(TURN)?.status ?? 'open') !== 'open');
    clearTimeout(quiet);
    if (isOver) quiet = setTimeout(() => child.stdin.end(), protocol.grace.quietMs);
  };
  for (const stream of ['stdout', 'stderr'] as const) {
    const splitter = new LineSplitter();
    child[stream].on('data', (bytes: Buffer) => {
      for (const { index, text } of splitter.push(bytes)) hear({ stream, index, text });
    });
  }
  write(session.open());
  return new Promise((resolve) =>
    child.on('close', () => resolve({ session, turn: session.state.turns.get(TURN), messages, lines })),
  );
}

/** The same output, folded by a worker that adopts the run. */
export function playAgain({ lines }: Played, agent: Partial<Agent> = {}): ProtocolSession {
  const session = protocol.begin(dialogueWith(agent));
  session.expectTurn(TURN);
  for (const line of lines) session.receive(line, new Date());
  return session;
}
