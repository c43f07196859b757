/** Lines as ACP agents write them, for specs. */

export const SESSION = 'sess-1';

export function rpc(message: object): string {
  return JSON.stringify({ jsonrpc: '2.0', ...message });
}

export function update(content: object): string {
  return rpc({ method: 'session/update', params: { sessionId: SESSION, update: content } });
}

export function says(text: string, more: object = {}): string {
  return update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text }, ...more });
}

export function thinks(text: string): string {
  return update({ sessionUpdate: 'agent_thought_chunk', content: { type: 'text', text } });
}

/** Ends a turn by its own id, which serves in place of the one on the wire. */
export function ends(turn: string, stopReason = 'end_turn'): string {
  return rpc({ id: turn, result: { stopReason } });
}

export const INITIALIZED = rpc({
  id: 1,
  result: { protocolVersion: 1, agentCapabilities: {}, authMethods: [] },
});
export const SESSION_MADE = rpc({ id: 3, result: { sessionId: SESSION } });
export const HANDSHAKE: readonly string[] = [INITIALIZED, SESSION_MADE];
