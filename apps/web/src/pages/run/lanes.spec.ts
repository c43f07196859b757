import { expect, it } from 'vitest';
import type { RunTimeline } from '../../api/client';
import { describeMark, lanesOf, markAt } from './lanes';

const at = (second: number): string => new Date(second * 1_000).toISOString();
const agent = (name: string, rest: Partial<RunTimeline['agents'][number]> = {}) => ({
  ...{ name, role: 'worker', startedAt: at(1), readyAt: at(2), endedAt: null, busy: [], ...rest },
});
const TIMELINE: RunTimeline = {
  ...{ dueAt: at(0), phases: [], omitted: 0 },
  agents: [
    agent('lead', { busy: [{ from: at(2), to: at(30), seq: 2 }] }),
    agent('checker', { endedAt: at(40) }),
    agent('late', { startedAt: null }),
  ],
  spans: [
    { kind: 'turn', seq: 1, agent: 'lead', title: 'prompt:1', from: at(1), to: null, state: 'open' },
    { kind: 'tool', seq: 4, agent: 'lead', title: 'git log', from: at(5), to: at(6), state: 'failed' },
    {
      kind: 'delegation',
      seq: 9,
      agent: 'lead',
      teammate: 'checker',
      title: 'try it',
      from: at(7),
      to: null,
      state: 'open',
    },
  ],
};
const lanes = lanesOf(TIMELINE, { from: 0, to: 100_000 });

it('has a lane for each agent, from its start to its end, or to now', () => {
  expect(lanes.map((lane) => [lane.agent, lane.life])).toEqual([
    ['lead', { from: 1_000, to: 100_000 }],
    ['checker', { from: 1_000, to: 40_000 }],
    ['late', null],
  ]);
});

it('marks work, tool calls and tasks with where they lead, and in words', () => {
  expect(lanes[0]?.marks.map(({ kind, seq }) => [kind, seq])).toEqual([
    ['busy', 2],
    ['tool', 4],
    ['task', 9],
  ]);
  expect(lanes[0]?.marks.map((mark) => describeMark(mark, 0))).toEqual([
    '+2.0 s, 28 s: at work',
    '+5.0 s, 1.0 s, failed: git log',
    '+7.0 s, 1 m 33 s: ⇢ checker: try it',
  ]);
  expect(lanes[1]?.marks).toEqual([]);
});

it('means the shortest mark at a place, and the nearest where there is none', () => {
  const marks = lanes[0]?.marks ?? [];
  expect([3_000, 5_500, 6_300, 20_000, 0].map((place) => markAt(marks, place, 500))).toEqual([0, 1, 1, 0, 0]);
  expect(markAt([], 0, 500)).toBe(-1);
});
