import type { ErrorCode } from '@crewtab/domain/errors';
import { isObject, type JsonObject, type ReportedFailure } from './acp-messages';

/** By the category of a typed failure. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  access: 'model_access',
  connection: 'model_unreachable',
  limit: 'model_limit',
};

/**
 * What an update, or the answer to a prompt, says of a failure: null takes an earlier report back, undefined is no word of it.
 *
 * | where | whose |
 * | --- | --- |
 * | `_meta.jetbrains.air.sessionFailure` with the severity `error`, where the capability is declared | Codex |
 * | `_meta.codex.threadStatus.type`: `systemError` | Codex, without words |
 * | the update `notice` with the severity `error` | any, by ACP |
 */
export function reportedFailure(from: JsonObject): ReportedFailure | null | undefined {
  const meta = objectIn(from, '_meta');
  const air = objectIn(objectIn(meta, 'jetbrains'), 'air');
  if ('sessionFailure' in air) return typedFailure(air['sessionFailure']);
  const status = objectIn(objectIn(meta, 'codex'), 'threadStatus')['type'];
  if (status === 'systemError') return { code: 'agent_error', words: '' };
  if (from['sessionUpdate'] === 'notice' && from['severity'] === 'error')
    return { code: 'agent_error', words: wordsOf(from['title'], from['description']) };
  return undefined;
}

function typedFailure(value: unknown): ReportedFailure | null | undefined {
  if (!isObject(value)) return null;
  if (value['severity'] !== 'error') return undefined;
  const code = CODES[String(value['category'])] ?? 'agent_error';
  return { code, words: wordsOf(value['title'], value['details']) };
}

function wordsOf(...parts: unknown[]): string {
  return parts.filter((part) => typeof part === 'string' && part !== '').join(': ');
}

function objectIn(value: JsonObject, key: string): JsonObject {
  const inner = value[key];
  return isObject(inner) ? inner : {};
}
