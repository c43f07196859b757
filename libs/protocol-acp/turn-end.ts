import type { PromptResponse } from '@agentclientprotocol/sdk';
import type { TurnState } from '@crewtab/domain/ports/agent-protocol';
import { isObject, errorMessage, type RpcError } from './json-rpc';

/** What the agent's response to `session/prompt` makes of the turn. Only `end_turn` is a success. */
export function endOfTurn(agent: string, result: unknown, text: string): TurnState {
  const stopReason = isObject(result) ? result['stopReason'] : undefined;
  switch (stopReason as PromptResponse['stopReason'] | undefined) {
    case 'end_turn':
      return { status: 'done', text };
    case 'refusal':
      return failed('agent_refused', `agent "${agent}" refused to go on${quote(text)}`);
    case 'max_tokens':
      return failed('agent_limit', `agent "${agent}" stopped at its token limit${quote(text)}`);
    case 'max_turn_requests':
      return failed('agent_limit', `agent "${agent}" stopped at its limit of model requests in a turn${quote(text)}`);
    case 'cancelled':
      return failed('agent_cancelled', `agent "${agent}" says that its turn was cancelled`);
    default:
      return failed(
        'protocol_error',
        `agent "${agent}" ended its turn with an unknown stop reason: ${JSON.stringify(stopReason) ?? 'none'}`,
      );
  }
}

export function turnError(agent: string, error: RpcError): TurnState {
  if (error.code === null && error.message === '') {
    return failed('protocol_error', `agent "${agent}" answered its turn with a malformed error`);
  }
  return failed('agent_error', `agent "${agent}" reported an error: ${errorMessage(error)}`);
}

const QUOTED_CHARS = 300;

/** The agent's last text says why more often than its stop reason does. */
function quote(text: string): string {
  const trimmed = text.trim();
  if (trimmed === '') return '';
  return `; its last text: ${trimmed.length > QUOTED_CHARS ? `…${trimmed.slice(-QUOTED_CHARS)}` : trimmed}`;
}

function failed(
  code: 'agent_refused' | 'agent_limit' | 'agent_cancelled' | 'agent_error' | 'protocol_error',
  message: string,
): TurnState {
  return { status: 'failed', failure: { code, message } };
}
