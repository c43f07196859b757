import type { RequestPermissionOutcome } from '@agentclientprotocol/sdk';
import { findRule, type AskedCall, type PermissionRule } from '@crewtab/domain/teams/permission-rules';
import type { Agent } from '@crewtab/domain/teams/team';
import { isObject, type JsonObject } from './acp-messages';

export interface PermissionAnswer {
  readonly outcome: RequestPermissionOutcome;
  readonly decision: 'allowed' | 'denied' | 'cancelled';
  /** The chosen option as the agent offered it; null where none fitted. */
  readonly option: JsonObject | null;
  /** The rule that decided, with its place in the list; null where none fitted. */
  readonly rule: (PermissionRule & { readonly index: number }) | null;
}

/** Narrowest first: a permission for once is enough, since the next question is answered at once too. */
const ALLOWING = ['allow_once', 'allow_always'];
const REJECTING = ['reject_once', 'reject_always'];

/**
 * Answers a permission request without asking a person. An agent that offers nothing which fits (or nothing that can be
 * chosen) hears `cancelled`; so does one that offers several ways to say yes, since that is a choice and no permission: unless a
 * rule fits, which then takes the first of them.
 */
export function decidePermission(
  params: JsonObject,
  { permissions, permissionRules = [] }: Pick<Agent, 'permissions' | 'permissionRules'>,
  known: JsonObject,
  isTurnCancelled: boolean,
): PermissionAnswer {
  const toolCall = isObject(params['toolCall']) ? params['toolCall'] : {};
  const found = findRule(permissionRules, askedCall({ ...known, ...toolCall }));
  const rule = found && { index: found.index, ...found.rule };
  const options = Array.isArray(params['options']) ? params['options'].filter(isChoosable) : [];
  const isAllowed = rule ? rule.allow : permissions !== 'deny';
  const choose = isAllowed ? (rule ? chooseFirstAllowing : chooseAllowing) : chooseRejecting;
  const option = isTurnCancelled ? null : choose(options);
  if (!option) return { outcome: { outcome: 'cancelled' }, decision: 'cancelled', option: null, rule };
  return {
    outcome: { outcome: 'selected', optionId: option['optionId'] },
    decision: isAllowed ? 'allowed' : 'denied',
    option,
    rule,
  };
}

/** Of a command that is held against rules. */
const LONGEST_COMMAND = 10_000;
const MOST_PATHS = 100;

/** What a tool call tells of itself: agents name the same in several ways. A command that is too long fits no rule. */
function askedCall({ title, kind, rawInput, locations, _meta, ...call }: JsonObject): AskedCall {
  const input = isObject(rawInput) ? rawInput : {};
  const ownMeta = isObject(_meta) ? Object.values(_meta).filter(isObject) : [];
  const names = [title, call['name'], call['toolName'], ...ownMeta.map((meta) => meta['toolName'])];
  const places = Array.isArray(locations) ? locations.filter(isObject).map(({ path }) => path) : [];
  const paths = [...places, ...PATH_KEYS.map((key) => input[key])].filter((path) => typeof path === 'string');
  const command = commandOf(input['command'] ?? input['cmd']);
  return {
    names: names.filter((name) => typeof name === 'string').map((name) => name.slice(0, LONGEST_COMMAND)),
    kind: typeof kind === 'string' ? kind : null,
    command: command !== null && command.length <= LONGEST_COMMAND ? command : null,
    paths: paths.length <= MOST_PATHS ? paths : [],
  };
}

const PATH_KEYS = ['path', 'file_path', 'filePath', 'abs_path', 'notebook_path'];

function commandOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return Array.isArray(value) && value.every((word) => typeof word === 'string') ? value.join(' ') : null;
}

type Choosable = JsonObject & { readonly optionId: string };

function isChoosable(option: unknown): option is Choosable {
  return isObject(option) && typeof option['optionId'] === 'string';
}

function chooseAllowing(options: readonly Choosable[]): Choosable | null {
  const isReject = ({ kind }: Choosable): boolean => typeof kind === 'string' && kind.startsWith('reject');
  const narrowest = ofNarrowestKind(options, ALLOWING) ?? options.filter((option) => !isReject(option));
  return narrowest.length === 1 ? (narrowest[0] ?? null) : null;
}

function chooseFirstAllowing(options: readonly Choosable[]): Choosable | null {
  return ofNarrowestKind(options, ALLOWING)?.[0] ?? chooseAllowing(options);
}

function chooseRejecting(options: readonly Choosable[]): Choosable | null {
  return ofNarrowestKind(options, REJECTING)?.[0] ?? null;
}

function ofNarrowestKind(options: readonly Choosable[], kinds: readonly string[]): readonly Choosable[] | null {
  for (const kind of kinds) {
    const ofKind = options.filter((candidate) => candidate['kind'] === kind);
    if (ofKind.length > 0) return ofKind;
  }
  return null;
}
