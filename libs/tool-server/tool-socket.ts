import type { Socket } from 'node:net';
import { effect } from '@crewtab/domain/failpoint';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { ToolAnswer, ToolCall } from '@crewtab/domain/ports/tool-server';
import { LineSplitter } from '@crewtab/domain/runs/agent-output';
import { parseTeamCall } from './tool-call';

/** The bridge refuses longer calls by itself (images/team-bridge/). What speaks to the socket need not be the bridge. */
const LONGEST_CALL_BYTES = 16 * 1024 * 1024;

export type Answer = (call: ToolCall) => Promise<ToolAnswer>;

/** Answers the calls of one connection, one JSON object a line. A call whose `answer` rejects ends the connection. */
export function serve(socket: Socket, answer: Answer, logger: Logger): void {
  const lines = new LineSplitter(LONGEST_CALL_BYTES);
  socket.on('error', (error) => logger.debug({ error: error.message }, 'team socket'));
  socket.on('data', (bytes: Buffer) => {
    for (const { text } of lines.push(bytes)) if (socket.writable) hear(text, socket, answer, logger);
  });
}

function hear(line: string, socket: Socket, answer: Answer, logger: Logger): void {
  const call = parseTeamCall(line);
  if (!call.ok) {
    // A client that sends such a line is not listened to any further.
    reply(socket, { id: call.id, error: { message: call.message } });
    socket.destroySoon();
    return;
  }
  const { id } = call.call;
  answer(call.call).then(
    (result) => reply(socket, 'error' in result ? { id, error: { message: result.error } } : { id, result }),
    // Not answered: this worker has lost the run, and the bridge asks the next one.
    (error: unknown) => {
      logger.debug({ error: String(error) }, 'a team call is left to the next worker');
      socket.destroy();
    },
  );
}

/** A client that does not read its answers is not read from. */
function reply(socket: Socket, message: object): void {
  if (!socket.writable) return;
  const hasCapacity = effect('tools.answer.write', () => socket.write(`${JSON.stringify(message)}\n`));
  if (hasCapacity || socket.isPaused()) return;
  socket.pause();
  socket.once('drain', () => socket.resume());
}
