import type { MessageRow, RunRow } from './evidence';
import { leaderOf } from './runs';

/** A run's messages in their order. */
export function inOrder(messages: readonly MessageRow[]): MessageRow[] {
  return messages.toSorted((a, b) => a.seq - b.seq);
}

/** All that the leader said, in the order in which it is stored. */
export function saidByLeader(run: RunRow, messages: readonly MessageRow[]): string {
  return inOrder(messages)
    .filter(({ kind, agent }) => kind === 'agent_message' && agent === leaderOf(run))
    .map(({ text }) => text ?? '')
    .join('');
}
