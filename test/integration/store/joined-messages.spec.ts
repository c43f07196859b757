import type { Claim } from '@crewtab/domain/ports/run-store';
import type { JoinedPage } from '@crewtab/domain/ports/management-store';
import { MESSAGE_PAGE, type DraftMessage, type MessageContent, type MessageKind } from '@crewtab/domain/runs/message';
import { RunStoreFixture } from '../../contracts/stores/run-store-fixture';
import { runStoreSubject } from './run-store-subject';
import { StoreFixture } from './store-fixture';

let fixture: StoreFixture;
let claim: Claim;
let organizationId: string;

beforeAll(async () => {
  fixture = await StoreFixture.create();
});
afterAll(() => fixture.dispose());
beforeEach(async () => {
  const subject = await runStoreSubject(fixture);
  claim = await new RunStoreFixture(subject).begun();
  organizationId = (await subject.store.load(claim)).organizationId;
});

const AT = new Date('2026-03-01T10:00:00.000Z');
function piece(kind: MessageKind, content: MessageContent, block?: string, agent = 'lead'): DraftMessage {
  return { agent, kind, content, at: AT, ...(block !== undefined && { origin: { block } }) };
}
const store = (...messages: DraftMessage[]) => fixture.store.runs.appendMessages(claim, messages);
async function read(after = 0, limit = 100): Promise<JoinedPage> {
  const page = await fixture.store.archive.listJoined(organizationId, claim.runId, after, limit);
  if (!page) throw new Error('the run is not there');
  return page;
}
/** Every page, one after the other. */
async function readAll(limit: number): Promise<{ pages: number; seqs: number[]; items: JoinedPage['items'] }> {
  const items: JoinedPage['items'][number][] = [];
  let pages = 0;
  for (let after: number | null = 0; after !== null; pages++) {
    const page: JoinedPage = await read(after, limit);
    items.push(...page.items);
    after = page.next;
  }
  return { pages, items, seqs: items.map(({ seq }) => seq) };
}

it('joins pieces however far from each other, each at the place of the first, of each agent by itself', async () => {
  await store(
    piece('agent_message', { text: 'one ' }, 'm'),
    piece('tool_call', { toolCallId: 'c', title: 'sh' }, 'c'),
    piece('agent_message', { text: 'ONE' }, 'm', 'writer'),
    piece('agent_message', { text: 'two' }, 'm'),
    piece('stderr', { text: 'aside' }),
    piece('tool_result', { toolCallId: 'c', status: 'completed' }, 'c'),
  );
  const { items, next } = await read();
  expect(
    items.map(({ seq, agent, content, pieces, lastSeq }) => [seq, agent, content['text'], pieces, lastSeq]),
  ).toEqual([
    [1, 'lead', 'one two', 2, 4],
    [2, 'lead', undefined, 2, 6],
    [3, 'writer', 'ONE', 1, 3],
    [5, 'lead', 'aside', 1, 5],
  ]);
  expect(items[1]?.content).toMatchObject({ title: 'sh', status: 'completed' });
  expect(next).toBeNull();
});

it('goes on from page to page, and shows nothing twice', async () => {
  for (let n = 0; n < 20; n++)
    await store(
      piece('agent_message', { text: `${n}` }, `m${n % 7}`),
      piece('system', { text: 'alone' }),
      piece('agent_thought', { text: `${n}` }, 'thought'),
    );
  const { seqs } = await readAll(3);
  expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
  expect(seqs).toHaveLength(7 + 20 + 1);
  expect((await readAll(100)).seqs).toEqual(seqs);
});

it('ends a page at its bytes, and joins a thousand large pieces in bounds', async () => {
  const text = 'x'.repeat(60_000);
  for (let n = 0; n < 90; n++) await store(piece('agent_message', { text }, `m${n}`));
  const { pages, items } = await readAll(100);
  expect(pages).toBeGreaterThan(1);
  expect(items).toHaveLength(90);
  for (let n = 0; n < 12; n++)
    await store(
      ...Array.from({ length: 100 }, () =>
        piece('tool_call', { toolCallId: 'c', _meta: { pad: 'y'.repeat(900) } }, 'c'),
      ),
    );
  await store(piece('tool_result', { toolCallId: 'c', status: 'failed' }, 'c'));
  const [call] = (await read(90)).items;
  expect(call).toMatchObject({ pieces: 1_201, isTruncated: true, content: { status: 'failed' } });
});

it('finds what comes behind thousands of pieces of an earlier message', async () => {
  await store(piece('tool_call', { toolCallId: 'c', title: 'sh' }, 'c'));
  const delta = piece('tool_call', { toolCallId: 'c', _meta: { terminal_output_delta: { data: '.' } } }, 'c');
  for (let n = 0; n < 12; n++) await store(...Array.from({ length: 500 }, () => delta));
  await store(piece('agent_message', { text: 'done' }, 'm'));
  expect((await read(1)).items.map(({ seq }) => seq)).toEqual([6_002]);
  const { items } = await readAll(100);
  expect(items.map(({ seq }) => seq)).toEqual([1, 6_002]);
  expect(String(items[0]?.content['output'])).toMatch(/^\.{900,}$/);
});

it('shows the beginning of a message that is too large by itself', async () => {
  await store(
    piece('agent_message', { text: 'z'.repeat(2_000_000) }, 'm'),
    piece('agent_message', { text: 'end' }, 'm'),
  );
  const [item] = (await read()).items;
  expect(item).toMatchObject({ isTruncated: true, pieces: 2 });
  expect(String(item?.content['text']).length).toBeLessThanOrEqual(MESSAGE_PAGE.beginning);
});

it('is empty where nothing was said, and nothing of what is not there', async () => {
  expect(await read()).toEqual({ items: [], next: null });
  const { archive } = fixture.store;
  expect(await archive.listJoined(await fixture.organization(), claim.runId, 0, 10)).toBeNull();
  expect(await archive.listJoined(organizationId, 'seventeen', 0, 10)).toBeNull();
});
