import type { ToolCall } from '@crewtab/domain/ports/tool-server';
import { checkJson, DEFAULT_JSON_LIMITS } from '@crewtab/domain/runs/output-limits';

export type ParsedTeamCall =
  | { readonly ok: true; readonly call: Omit<ToolCall, 'agent'> }
  | { readonly ok: false; readonly id: string | null; readonly message: string };

/** Longest id that is taken, characters. */
const LONGEST_ID = 200;

/**
 * Reads one line of the bridge. What an agent's container sends is not to be trusted: the name that the bridge gives is not
 * even read.
 */
export function parseTeamCall(line: string): ParsedTeamCall {
  const value = parseJson(line);
  if (typeof value !== 'object' || value === null) return { ok: false, id: null, message: 'not a JSON object' };
  const { id, tool, arguments: given, waitedMs } = value as Record<string, unknown>;
  if (typeof id !== 'string' || id === '' || id.length > LONGEST_ID)
    return { ok: false, id: null, message: '"id" must be a short text' };
  if (typeof tool !== 'string') return { ok: false, id, message: '"tool" must be a text' };
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given);
  const args = isObject ? (given as Record<string, unknown>) : {};
  const waited = typeof waitedMs === 'number' && waitedMs > 0 ? { waitedMs } : {};
  return { ok: true, call: { id, tool, arguments: args, ...waited } };
}

/** Null as well for JSON beyond the limits, which parsing would cost too much. */
function parseJson(line: string): unknown {
  if (checkJson(line, DEFAULT_JSON_LIMITS).is !== 'within_limits') return null;
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
