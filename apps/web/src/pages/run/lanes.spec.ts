import { describe, expect, it } from 'vitest';
import type { Message } from '../../api/client';
import { Conversation } from './conversation';
import { lanesOf, lanesOfOutline } from './lanes';

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

describe('lanesOfOutline', () => {
  it('has an agent at work through the columns in which it speaks', () => {
    const at = (second: number): string => new Date(second * 1_000).toISOString();
    const column = (from: number, to: number, ...names: string[]) => ({
      ...{ from: at(from), to: at(to) },
      agents: Object.fromEntries(names.map((name) => [name, 3])),
    });
    const columns = [column(0, 10, 'lead'), column(11, 20, 'lead', 'checker'), column(80, 90, 'lead')];
    expect(lanesOfOutline(columns, { from: 0, to: 100_000 })).toEqual([
      {
        agent: 'lead',
        busy: [
          { from: 0, to: 20_000 },
          { from: 80_000, to: 90_000 },
        ],
      },
      { agent: 'checker', busy: [{ from: 11_000, to: 20_000 }] },
    ]);
  });
});
