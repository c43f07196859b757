import type { Claim } from '@crewtab/domain/ports/run-store';
import type { MessagePageRequest } from '@crewtab/domain/ports/management-store';
import type { DraftMessage, MessageContent, MessageKind } from '@crewtab/domain/runs/message';
import { RunStoreFixture } from '../../contracts/stores/run-store-fixture';
import { runStoreSubject } from './run-store-subject';
import { StoreFixture } from './store-fixture';

let fixture: StoreFixture;
let claim: Claim;
let organizationId: string;

const AT = new Date('2026-03-01T10:00:00.000Z');
const say = (kind: MessageKind, content: MessageContent, agent: string | null = 'lead'): DraftMessage => ({
  ...{ agent, kind, content, at: AT },
});

beforeAll(async () => {
  fixture = await StoreFixture.create();
  const subject = await runStoreSubject(fixture);
  claim = await new RunStoreFixture(subject).begun();
  organizationId = (await subject.store.load(claim)).organizationId;
  await fixture.store.runs.appendMessages(claim, [
    say('prompt', { text: 'Compare the BRANCHES' }),
    say('agent_message', { text: `${'x'.repeat(100)} the branches\nsay "hi" C:\\temp ${'y'.repeat(100)}` }),
    say('tool_call', { toolCallId: 'c', title: 'git log', rawInput: { command: 'echo "hi"' } }),
    say('tool_result', { toolCallId: 'c', status: 'failed' }, 'writer'),
    say('network', { text: 'example.com', kind: 'refused' }, null),
    say('delegation', { id: 'd', to: 'writer', error: 'it is gone' }),
    say('permission', { decision: 'allowed' }, 'writer'),
    say('agent_message', { text: 'branches, at last' }, 'writer'),
  ]);
});
afterAll(() => fixture.dispose());

async function seqsOf(text: string, after = 0, limit = 10): Promise<readonly number[]> {
  const found = await fixture.store.archive.searchMessages(organizationId, claim.runId, { text, after, limit });
  return found?.items.map(({ seq }) => seq) ?? [];
}

describe('a search', () => {
  it('finds a text literally, whatever its case, in every kind of message, and never in names of fields', async () => {
    expect(await seqsOf('branches')).toEqual([1, 2, 8]);
    expect(await seqsOf('say "HI"')).toEqual([2]);
    expect(await seqsOf('C:\\temp')).toEqual([2]);
    expect(await seqsOf('branches\nsay')).toEqual([2]);
    expect(await seqsOf('echo "hi"')).toEqual([3]);
    for (const word of ['toolCallId', 'rawInput', '%', '_', '.*', 'none']) expect(await seqsOf(word)).toEqual([]);
  });

  it('quotes what stands beside it, and goes on behind a seq', async () => {
    const search = { text: 'THE BRANCHES', after: 1, limit: 1 };
    const found = await fixture.store.archive.searchMessages(organizationId, claim.runId, search);
    expect(found?.items).toEqual([
      {
        ...{ seq: 2, agent: 'lead', kind: 'agent_message', at: AT },
        snippet: {
          before: `${'x'.repeat(59)} `,
          match: 'the branches',
          after: `\nsay "hi" C:\\temp ${'y'.repeat(42)}`,
        },
      },
    ]);
    expect(found?.next).toBe(2);
    expect(await seqsOf('branches', 2, 1)).toEqual([8]);
  });

  it('is of a run of the own organization', async () => {
    const search = { text: 'branches', after: 0, limit: 1 };
    const other = await fixture.organization();
    expect(await fixture.store.archive.searchMessages(other, claim.runId, search)).toBeNull();
    expect(await fixture.store.archive.readOutline(other, claim.runId, 0)).toBeNull();
    expect(await fixture.store.archive.searchMessages(organizationId, 'x', search)).toBeNull();
  });
});

describe('an outline', () => {
  it('says who spoke in each stretch, and where something went wrong', async () => {
    const outline = await fixture.store.archive.readOutline(organizationId, claim.runId, 0);
    expect(outline?.lastSeq).toBe(8);
    expect(outline?.columns.map(({ seq, lastSeq, agents }) => [seq, lastSeq, agents])).toEqual([
      ...[1, 2, 3].map((seq) => [seq, seq, { lead: 1 }]),
      [4, 4, { writer: 1 }],
      [5, 5, {}],
      [6, 6, { lead: 1 }],
      ...[7, 8].map((seq) => [seq, seq, { writer: 1 }]),
    ]);
    expect(outline?.problems).toEqual([4, 5, 6]);
    expect((await fixture.store.archive.readOutline(organizationId, claim.runId, 5))?.problems).toEqual([6]);
  });
});

describe('a window', () => {
  const request = (rest: Partial<MessagePageRequest> = {}): MessagePageRequest => ({
    ...{ limit: 3, contents: 'whole', ...rest },
  });
  async function before(seq: number, rest?: Partial<MessagePageRequest>): Promise<readonly [number[], boolean]> {
    const { archive } = fixture.store;
    const page = await archive.listMessagesBefore(organizationId, claim.runId, seq, request(rest));
    return [page?.items.map((message) => message.seq) ?? [], page?.hasMore ?? false];
  }

  it('before a seq has the newest of them, oldest first', async () => {
    expect(await before(8)).toEqual([[5, 6, 7], true]);
    expect(await before(3)).toEqual([[1, 2], false]);
    expect(await before(1)).toEqual([[], false]);
  });

  it('has what one agent said, or some kinds', async () => {
    expect(await before(9, { agent: 'writer' })).toEqual([[4, 7, 8], true]);
    expect(await before(9, { kinds: ['tool_call', 'network'] })).toEqual([[3, 5], true]);
    const { archive } = fixture.store;
    const page = await archive.listMessages(organizationId, claim.runId, 2, request({ kinds: ['agent_message'] }));
    expect(page?.items.map(({ seq }) => seq)).toEqual([8]);
  });
});
