import type { RequestPermissionOutcome } from '@agentclientprotocol/sdk';
import type { Agent } from '@crewtab/domain/teams/team';
import { isObject, type JsonObject } from './acp-messages';

export interface PermissionAnswer {
  readonly outcome: RequestPermissionOutcome;
  readonly decision: 'allowed' | 'denied' | 'cancelled';
  /** The chosen option as the agent offered it; null where none fitted. */
  readonly option: JsonObject | null;
}

/** Narrowest first: a permission for once is enough, since the next question is answered at once too. */
const ALLOWING = ['allow_once', 'allow_always'];
const REJECTING = ['reject_once', 'reject_always'];

/**
 * Answers a permission request without asking a person. An agent that offers nothing which fits (or nothing that can be
 * chosen) hears `cancelled`; so does one that offers several ways to say yes, since that is a choice and no permission.
 */
export function decidePermission(
  params: JsonObject,
  permissions: Agent['permissions'],
  isTurnCancelled: boolean,
): PermissionAnswer {
  const options = Array.isArray(params['options']) ? params['options'].filter(isChoosable) : [];
  const isAllowed = permissions !== 'deny';
  const option = isTurnCancelled ? null : isAllowed ? chooseAllowing(options) : chooseRejecting(options);
  if (!option) return { outcome: { outcome: 'cancelled' }, decision: 'cancelled', option: null };
  return {
    outcome: { outcome: 'selected', optionId: option['optionId'] },
    decision: isAllowed ? 'allowed' : 'denied',
    option,
  };
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
