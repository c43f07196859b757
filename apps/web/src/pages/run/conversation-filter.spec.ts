import { expect, it } from 'vitest';
import type { Message } from '../../api/client';
import { Conversation } from './conversation';
import { agentsOf, filterEntries, findWords, nextPlace, type ConversationFilter } from './conversation-filter';

const KINDS: readonly (readonly [Message['kind'], Message['content'], (string | null)?])[] = [
  ['prompt', { text: 'do it' }],
  ['agent_message', { text: 'I begin' }],
  ['agent_thought', { text: 'hm' }],
  ['tool_call', { toolCallId: '1', title: 'grep', rawInput: { pattern: 'needle' }, status: 'completed' }],
  ['stderr', { text: 'deprecated' }],
  ['permission', { request: { toolCall: { title: 'rm -rf' } }, option: null, decision: 'denied' }],
  ['network', { text: 'Refused a connection.', kind: 'refused' }, null],
  ['network', { text: 'The agents connect.', kind: 'allowed' }, null],
  ['delegation', { id: 'd', to: 'analyst', task: 'count' }],
  ['agent_message', { text: 'thirteen' }, 'analyst'],
  ['delegation', { id: 'd', error: 'gone' }, 'analyst'],
  ['other', { commands: [] }],
];

const conversation = new Conversation();
conversation.add(
  KINDS.map(([kind, content, agent = 'lead'], index) => ({
    ...{ seq: index + 1, at: '2026-11-30T12:00:00.000Z', agent, kind, content },
  })),
);
const { entries } = conversation;
const kindsAt = (filter: Partial<ConversationFilter>) =>
  filterEntries(entries, { level: 'all', agent: null, ...filter }).map(({ kind }) => kind);

it('shows words alone, the work as well, or all', () => {
  expect(kindsAt({ level: 'words' })).toEqual(['prompt', 'says', 'permission', 'network', 'delegation', 'says']);
  expect(kindsAt({ level: 'work' })).toEqual([
    'prompt',
    'says',
    'tool',
    'permission',
    'network',
    'network',
    'delegation',
    'says',
  ]);
  expect(filterEntries(entries, { level: 'all', agent: null })).toBe(entries);
});

it('shows the row that a person is led to at every level', () => {
  const seqs = filterEntries(entries, { level: 'words', agent: 'lead' }, 3).map(({ place }) => place.seq);
  expect(seqs).toEqual([1, 2, 3, 6, 9]);
});

it('shows what one agent did, and the tasks that it was given', () => {
  expect(kindsAt({ agent: 'analyst' })).toEqual(['delegation', 'says']);
  expect(agentsOf(entries)).toEqual(['lead', 'analyst']);
});

it('finds words wherever they stand in a row, whatever their case', () => {
  const seqsWith = (words: string) => findWords(entries, words).map((row) => entries[row]?.place.seq);
  expect(seqsWith('NEEDLE')).toEqual([4]);
  expect(seqsWith('rm -rf')).toEqual([6]);
  expect(seqsWith('gone')).toEqual([9]);
  expect(seqsWith('  ')).toEqual([]);
});

it('goes round from one place to the next', () => {
  expect([nextPlace([2, 5], -1, 1), nextPlace([2, 5], 2, 1), nextPlace([2, 5], 5, 1)]).toEqual([2, 5, 2]);
  expect([nextPlace([2, 5], 5, -1), nextPlace([2, 5], 2, -1), nextPlace([], 0, 1)]).toEqual([2, 5, null]);
});
