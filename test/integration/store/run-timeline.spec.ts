import type { Claim, RunStore } from '@crewtab/domain/ports/run-store';
import type { DraftMessage, MessageContent, MessageKind, MessageOrigin } from '@crewtab/domain/runs/message';
import type { RunTimeline } from '@crewtab/domain/runs/run-timeline';
import { RunStoreFixture } from '../../contracts/stores/run-store-fixture';
import { runStoreSubject } from './run-store-subject';
import { StoreFixture } from './store-fixture';

const START = { stdout: 0, stderr: 0 };
const VERIFIED = { status: 'success', result: 'done', error: null } as const;

let fixture: StoreFixture;
let runs: RunStoreFixture;
let store: RunStore;

beforeAll(async () => {
  fixture = await StoreFixture.create();
});
beforeEach(async () => {
  const subject = await runStoreSubject(fixture);
  runs = new RunStoreFixture(subject);
  ({ store } = subject);
});
afterAll(() => fixture.dispose());

/** What is said so many seconds after the run began. */
function said(
  at: number,
  kind: MessageKind,
  content: MessageContent,
  { agent = 'lead', origin }: { readonly agent?: string; readonly origin?: MessageOrigin } = {},
): DraftMessage {
  return {
    agent,
    kind,
    content,
    at: new Date(Date.parse('2026-03-01T10:00:00Z') + at * 1_000),
    ...(origin && { origin }),
  };
}

async function read(claim: Claim): Promise<RunTimeline> {
  const { organizationId } = await store.load(claim);
  const timeline = await fixture.store.archive.readTimeline(organizationId, claim.runId);
  if (!timeline) throw new Error('there is no timeline');
  return timeline;
}

const namesOf = ({ phases }: RunTimeline): string[] => phases.map(({ phase }) => phase);

it('has every phase that a run came through, each up to the next', async () => {
  const claim = await runs.monitored({ verify: { files: ['a.md'] }, artifacts: ['*.md'] });
  expect(namesOf(await read(claim))).toEqual(['queued', 'deploying', 'prompting', 'monitoring']);
  expect((await read(claim)).phases.at(-1)?.to).toBeNull();
  await store.endWork(claim, 'done', []);
  await store.conclude(claim, { ...VERIFIED, verification: { status: 'passed', checks: [] } });
  expect(namesOf(await read(claim)).slice(-2)).toEqual(['verifying', 'collecting']);
  await store.endCollecting(claim, [], []);
  await store.finish(claim, {});
  const timeline = await read(claim);
  expect(namesOf(timeline).slice(-3)).toEqual(['verifying', 'collecting', 'tearing_down']);
  for (const [at, { to }] of timeline.phases.entries()) {
    expect(to).not.toBeNull();
    if (at + 1 < timeline.phases.length) expect(to).toEqual(timeline.phases[at + 1]?.from);
  }
});

it('of a run that never began has nothing, and of a foreign one neither', async () => {
  const claim = await runs.begun();
  expect(await fixture.store.archive.readTimeline(await fixture.organization(), claim.runId)).toBeNull();
  expect(await fixture.store.archive.readTimeline(await fixture.organization(), 'x')).toBeNull();
  await store.conclude(claim, { status: 'cancelled', result: null, error: { code: 'cancelled', message: 'by hand' } });
  expect(namesOf(await read(claim))).toEqual(['queued', 'deploying', 'tearing_down']);
  expect((await read(claim)).spans).toEqual([]);
});

it('has the end of an agent: its own, or that of the work', async () => {
  const claim = await runs.monitored();
  const started = new Date();
  for (const agent of ['lead', 'writer']) await store.saveAgent(claim, agent, { handle: agent, startedAt: started });
  const endedAt = new Date('2026-03-01T10:00:30.000Z');
  await store.appendMessages(claim, [], { agent: 'writer', from: START, to: START, endedAt });
  const later = new Date(endedAt.getTime() + 1_000);
  await store.appendMessages(claim, [], { agent: 'writer', from: START, to: START, endedAt: later });
  expect((await read(claim)).agents.map((agent) => agent.endedAt)).toEqual([null, endedAt]);
  const { concludedAt } = await store.conclude(claim, VERIFIED);
  await store.finish(claim, {});
  const { agents } = await read(claim);
  expect(agents.map(({ name, role }) => [name, role])).toEqual([
    ['lead', 'leader'],
    ['writer', 'worker'],
  ]);
  expect(agents.map((agent) => agent.endedAt)).toEqual([concludedAt, endedAt]);
});

it('has turns, tasks and tool calls with their ends', async () => {
  const claim = await runs.monitored();
  const turn = `prompt:${claim.runId}`;
  const task = { turn: 'delegate:d1' };
  await store.appendMessages(claim, [
    said(1, 'agent_message', { text: 'I begin' }, { origin: { turn } }),
    said(2, 'tool_call', { toolCallId: 'a', title: 'git log' }, { origin: { turn, toolCallId: 'a' } }),
    said(3, 'delegation', { id: 'd1', to: 'writer', task: 'write it' }),
    said(4, 'agent_message', { text: 'yes' }, { agent: 'writer', origin: task }),
    said(
      5,
      'tool_call',
      { toolCallId: 'a', title: 'npm test' },
      { agent: 'writer', origin: { ...task, toolCallId: 'a' } },
    ),
    said(6, 'tool_result', { toolCallId: 'a', status: 'completed' }, { origin: { turn, toolCallId: 'a' } }),
    said(
      7,
      'tool_result',
      { toolCallId: 'a', status: 'failed' },
      { agent: 'writer', origin: { ...task, toolCallId: 'a' } },
    ),
    said(8, 'tool_call', { toolCallId: 'b', title: 'sleep' }, { origin: { turn, toolCallId: 'b' } }),
    said(9, 'tool_result', { toolCallId: 'b', status: 'in_progress' }, { origin: { turn, toolCallId: 'b' } }),
  ]);
  const shown = async () =>
    (await read(claim)).spans.map(({ kind, agent, to, title, from, until, state }) => [
      ...[kind, agent, to ?? '', title.replace(claim.runId, 'run'), from.getUTCSeconds()],
      ...[until?.getUTCSeconds() ?? null, state],
    ]);
  expect(await shown()).toEqual([
    ['turn', 'lead', '', 'prompt:run', 1, null, 'open'],
    ['tool', 'lead', '', 'git log', 2, 6, 'done'],
    ['delegation', 'lead', 'writer', 'write it', 3, null, 'open'],
    ['turn', 'writer', '', 'delegate:d1', 4, null, 'open'],
    ['tool', 'writer', '', 'npm test', 5, 7, 'failed'],
    ['tool', 'lead', '', 'sleep', 8, null, 'open'],
  ]);
  await store.appendMessages(claim, [
    said(12, 'delegation', { id: 'd1', to: 'lead', text: 'written' }, { agent: 'writer' }),
  ]);
  await store.conclude(claim, VERIFIED);
  expect((await shown()).map((span) => span.slice(-2))).toEqual([
    [9, 'done'],
    [6, 'done'],
    [12, 'done'],
    [7, 'done'],
    [7, 'failed'],
    [9, 'failed'],
  ]);
});

it('names so many spans, the longest tool calls of them, and says how many more there are', async () => {
  const claim = await runs.monitored();
  const calls = Array.from({ length: 2_100 }, (_, at) => {
    const origin = { toolCallId: `call ${at}` };
    const isLong = at >= 2_000;
    return [
      said(at / 10, 'tool_call', { toolCallId: origin.toolCallId, title: String(at) }, { origin }),
      said(at / 10 + (isLong ? 5 : 0.05), 'tool_result', { ...origin, status: 'completed' }, { origin }),
    ];
  });
  await store.appendMessages(claim, calls.flat());
  const { spans, omitted } = await read(claim);
  expect([spans.length, omitted]).toEqual([2_000, 100]);
  expect(spans.filter(({ title }) => Number(title) >= 2_000)).toHaveLength(100);
  expect(spans.map(({ seq }) => seq)).toEqual(spans.map(({ seq }) => seq).sort((one, other) => one - other));
});
