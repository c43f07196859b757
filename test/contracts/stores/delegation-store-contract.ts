import { ClaimLostError } from '@crewtab/domain/errors';
import type { DelegationStore } from '@crewtab/domain/ports/delegation-store';
import type { Claim } from '@crewtab/domain/ports/run-store';
import type { DraftMessage, Message } from '@crewtab/domain/runs/message';

/** A begun run of which the suite may take the claim away. */
export interface DelegationFixture {
  readonly store: DelegationStore;
  readonly claim: Claim;
  /** Another worker takes the run: the answer is its claim, and `claim` is lost. */
  takeOver(): Promise<Claim>;
  messages(): Promise<readonly Message[]>;
  /** Under `claim`. */
  say(message: Omit<DraftMessage, 'at'>): Promise<void>;
}

export function delegationStoreContract(name: string, setup: () => Promise<DelegationFixture>): void {
  describe(`${name} keeps the delegation contract`, () => {
    const task = { id: 'lead-1', from: 'lead', to: 'writer', task: 'count the files' };

    it('records a task once, with its message', async () => {
      const { store, claim, messages } = await setup();
      const first = await store.openDelegation(claim, task);
      expect(first).toEqual({ ...task, answer: null, isPermitted: false, joinedCalls: [] });
      expect(await store.openDelegation(claim, { ...task, task: 'another' })).toEqual(first);
      const said = (await messages()).filter(({ kind }) => kind === 'delegation');
      expect(said.map(({ agent, content }) => [agent, content])).toEqual([
        ['lead', { id: 'lead-1', to: 'writer', task: 'count the files' }],
      ]);
    });

    it('joins a call that asks the same while it is under way, and gives nothing twice', async () => {
      const { store, claim, takeOver, messages } = await setup();
      await store.openDelegation(claim, task);
      const joined = { ...task, answer: null, isPermitted: false, joinedCalls: ['lead-2'] };
      expect(await store.openDelegation(claim, { ...task, id: 'lead-2' })).toEqual(joined);
      expect(await store.openDelegation(claim, { ...task, id: 'lead-2' })).toEqual(joined);
      const next = await takeOver();
      expect(await store.listDelegations(next)).toMatchObject([{ id: 'lead-1', joinedCalls: ['lead-2'] }]);
      await store.answerDelegation(next, task.id, { text: 'seven' });
      expect(await store.openDelegation(next, { ...task, id: 'lead-2' })).toMatchObject({ answer: { text: 'seven' } });
      expect((await messages()).filter(({ kind }) => kind === 'delegation')).toHaveLength(2);
    });

    it.each([
      ['other words', { task: 'count the folders' }],
      ['another agent', { to: 'analyst' }],
      ['another caller', { from: 'second-lead' }],
    ])('takes a call with %s for a task of its own, and the same once more after the answer', async (_what, other) => {
      const { store, claim } = await setup();
      await store.openDelegation(claim, task);
      expect(await store.openDelegation(claim, { ...task, ...other, id: 'lead-2' })).toMatchObject({ id: 'lead-2' });
      await store.answerDelegation(claim, task.id, { text: 'seven' });
      expect(await store.openDelegation(claim, { ...task, id: 'lead-3' })).toMatchObject({ id: 'lead-3' });
    });

    it('knows the newest 64 of the calls that joined a task', async () => {
      const { store, claim } = await setup();
      await store.openDelegation(claim, task);
      for (let index = 1; index <= 66; index++) await store.openDelegation(claim, { ...task, id: `again-${index}` });
      const { joinedCalls } = await store.readDelegation(claim, task.id);
      expect(joinedCalls).toEqual(Array.from({ length: 64 }, (_, index) => `again-${index + 3}`));
    });

    it('permits a task to one epoch', async () => {
      const { store, claim, takeOver } = await setup();
      await store.openDelegation(claim, task);
      expect(await store.permitDelegation(claim, task.id)).toBe(true);
      expect(await store.permitDelegation(claim, task.id)).toBe(true);
      const next = await takeOver();
      expect(await store.permitDelegation(next, task.id)).toBe(false);
      expect(await store.readDelegation(next, task.id)).toEqual({
        ...task,
        answer: null,
        isPermitted: true,
        joinedCalls: [],
      });
    });

    it('keeps the first answer, with its message', async () => {
      const { store, claim, messages } = await setup();
      await store.openDelegation(claim, task);
      expect(await store.answerDelegation(claim, task.id, { text: 'seven' })).toEqual({ text: 'seven' });
      expect(await store.answerDelegation(claim, task.id, { error: 'late' })).toEqual({ text: 'seven' });
      expect(await store.readDelegation(claim, task.id)).toMatchObject({ ...task, answer: { text: 'seven' } });
      const [, said, ...rest] = (await messages()).filter(({ kind }) => kind === 'delegation');
      expect(said).toMatchObject({ agent: 'writer', content: { id: 'lead-1', to: 'lead', text: 'seven' } });
      expect(rest).toEqual([]);
    });

    it('keeps an answer that is an error, and lists in order, without the texts', async () => {
      const { store, claim } = await setup();
      await store.openDelegation(claim, task);
      await store.openDelegation(claim, { ...task, id: 'a-later-one', task: 'Größe' });
      await store.answerDelegation(claim, task.id, { error: 'no idea' });
      expect(await store.readDelegation(claim, task.id)).toMatchObject({ answer: { error: 'no idea' } });
      const { id, from, to } = task;
      expect(await store.listDelegations(claim)).toEqual([
        { id, from, to, isPermitted: false, joinedCalls: [], isAnswered: true, taskChars: 15, answerChars: 7 },
        {
          id: 'a-later-one',
          from,
          to,
          isPermitted: false,
          joinedCalls: [],
          isAnswered: false,
          taskChars: 5,
          answerChars: 0,
        },
      ]);
    });

    it('lists the notes of the conversation in order, and no other message', async () => {
      const { store, claim, say } = await setup();
      expect(await store.listNotes(claim)).toEqual([]);
      await say({ agent: 'writer', kind: 'system', content: { text: 'Größe: 7', note: 'n1' } });
      await say({ agent: 'writer', kind: 'system', content: { text: 'not one' } });
      await say({ agent: null, kind: 'system', content: { text: 'not one', note: 'n2' } });
      await say({ agent: 'writer', kind: 'other', content: { text: 'not one', note: 'n3' } });
      await say({ agent: 'lead', kind: 'system', content: { text: 'seen', note: 'n4' } });
      expect(await store.listNotes(claim)).toEqual([
        { id: 'n1', agent: 'writer', text: 'Größe: 7' },
        { id: 'n4', agent: 'lead', text: 'seen' },
      ]);
    });

    it('knows no task that was never opened', async () => {
      const { store, claim } = await setup();
      const isUnknown = { code: 'not_found' };
      await expect(store.readDelegation(claim, 'x')).rejects.toMatchObject(isUnknown);
      await expect(store.permitDelegation(claim, 'x')).rejects.toMatchObject(isUnknown);
      await expect(store.answerDelegation(claim, 'x', { text: '' })).rejects.toMatchObject(isUnknown);
    });

    it('takes nothing from a lost claim', async () => {
      const { store, claim, takeOver } = await setup();
      await store.openDelegation(claim, task);
      await takeOver();
      await expect(store.openDelegation(claim, { ...task, id: 'x' })).rejects.toThrow(ClaimLostError);
      await expect(store.permitDelegation(claim, task.id)).rejects.toThrow(ClaimLostError);
      await expect(store.answerDelegation(claim, task.id, { text: '' })).rejects.toThrow(ClaimLostError);
      await expect(store.readDelegation(claim, task.id)).rejects.toThrow(ClaimLostError);
      await expect(store.listDelegations(claim)).rejects.toThrow(ClaimLostError);
      await expect(store.listNotes(claim)).rejects.toThrow(ClaimLostError);
    });
  });
}
