import { expect, it } from 'vitest';
import type { Message } from '../../api/client';
import { Conversation } from './conversation';
import { lanesOf } from './lanes';

const START = Date.parse('2026-11-30T12:00:00.000Z');

function lanes(...messages: (readonly [number, string | null, Message['kind'], Message['content']?])[]) {
  const conversation = new Conversation();
  conversation.add(
    messages.map(([second, agent, kind, content = { text: 'x' }], index) => ({
      ...{ seq: index + 1, at: new Date(START + second * 1_000).toISOString(), agent, kind, content },
    })),
  );
  const found = lanesOf(conversation.entries, { from: START, to: START + 100_000 });
  return found.map(({ agent, busy }) => [
    agent,
    ...busy.map(({ from, to }) => [(from - START) / 1_000, (to - START) / 1_000]),
  ]);
}

it('joins what is close together, and leaves the prompt and what Crewtab says out', () => {
  expect(
    lanes(
      [0, 'lead', 'prompt'],
      [10, 'lead', 'agent_message'],
      [11, 'lead', 'agent_thought'],
      [12, null, 'system'],
      [50, 'lead', 'agent_message'],
    ),
  ).toEqual([['lead', [10, 11], [50, 50]]]);
});

it('counts a tool as work until it ends, or until now', () => {
  expect(
    lanes(
      [10, 'lead', 'tool_call', { toolCallId: '1' }],
      [20, 'analyst', 'tool_call', { toolCallId: '1' }],
      [40, 'lead', 'tool_result', { toolCallId: '1', status: 'completed' }],
    ),
  ).toEqual([
    ['lead', [10, 40]],
    ['analyst', [20, 100]],
  ]);
});
