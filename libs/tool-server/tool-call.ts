import type { ToolCall } from '@crewtab/domain/ports/tool-server';

export type ParsedTeamCall =
  | { readonly ok: true; readonly call: ToolCall }
  | { readonly ok: false; readonly id: string | null; readonly message: string };

/** Longest id that is taken, characters. */
const LONGEST_ID = 200;

/** Reads one line of the bridge. What an agent's container sends is not to be trusted. */
export function parseTeamCall(line: string): ParsedTeamCall {
  const value = parseJson(line);
  if (typeof value !== 'object' || value === null) return { ok: false, id: null, message: 'not a JSON object' };
  const { id, agent, tool, arguments: given } = value as Record<string, unknown>;
  if (typeof id !== 'string' || id === '' || id.length > LONGEST_ID)
    return { ok: false, id: null, message: '"id" must be a short text' };
  if (typeof agent !== 'string' || typeof tool !== 'string')
    return { ok: false, id, message: '"agent" and "tool" must be texts' };
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given);
  return { ok: true, call: { id, agent, tool, arguments: isObject ? (given as Record<string, unknown>) : {} } };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
