import type { Outcome, Run } from '@crewtab/domain/runs/run';
import { windowOf } from '@crewtab/domain/runs/prompt-facts';
import { pastTheGuard } from './run-store-subject';
import { StoreFixture } from './store-fixture';

const WORKER = { workerId: 'w', host: 'h' };
const TEMPLATE = { prompt: 'Since {{ window.start }}', promptFormat: 'template', variables: { a: 1, b: 'x' } } as const;

let fixture: StoreFixture;
beforeEach(async () => (fixture = await StoreFixture.create()));
afterEach(() => fixture.dispose());

const at = (hour: number): Date => new Date(Date.UTC(2027, 0, 1, hour));

/** A claimed run of the schedule for that instant. */
async function claimed(made: Run, scheduledFor: Date | null = null): Promise<Run> {
  if (scheduledFor)
    await pastTheGuard(fixture, 'UPDATE schedule_runs SET scheduled_for = $2 WHERE id = $1', [made.id, scheduledFor]);
  const run = await fixture.store.runs.claim(made.id, WORKER);
  if (!run) throw new Error('no claim');
  return run;
}

async function begin(run: Run, text: string | null = 'rendered'): Promise<Run> {
  const claim = { runId: run.id, epoch: run.epoch };
  const record = await fixture.store.runs.readPromptRecord(claim);
  if (!record) throw new Error('no record');
  const window = windowOf(record, run.scheduledFor);
  const deployment = { name: `run-${run.id}`, fallbackName: `long-${run.id}`, host: 'h', runtime: 'fake' };
  return fixture.store.runs.begin(claim, { ...deployment, prompt: { text, window } });
}

async function end(run: Run, status: Outcome['status'], result: string | null = null): Promise<void> {
  const claim = { runId: run.id, epoch: run.epoch };
  const error = status === 'success' ? null : ({ code: 'internal', message: '' } as const);
  await fixture.store.runs.conclude(claim, { status, result, error });
  await fixture.store.runs.finish(claim, {});
}

it('is stored with what the template became, and stays so for whoever reads the run', async () => {
  const schedule = await fixture.schedule(TEMPLATE);
  const { organizationId, id } = schedule;
  expect(schedule).toMatchObject(TEMPLATE);
  const run = await claimed(await fixture.manualRun(organizationId, id));
  expect(run.plan).toMatchObject(TEMPLATE);
  expect(run.window).toBeUndefined();
  const begun = await begin(run, 'Since then\0');
  expect(begun.plan.prompt).toBe('Since then\uFFFD');
  expect(begun.window).toEqual({ start: schedule.createdAt, end: run.scheduledFor });
  const listed = await fixture.store.archive.getRun(organizationId, run.id);
  expect(listed).toMatchObject({ plan: { prompt: 'Since then\uFFFD' }, window: begun.window });
  expect(listed?.plan.promptFault).toBeUndefined();
});

it('tells of a template that could not be rendered to whoever adopts the run', async () => {
  const schedule = await fixture.schedule(TEMPLATE);
  const begun = await begin(await claimed(await fixture.manualRun(schedule.organizationId, schedule.id)), null);
  expect(begun.plan).toMatchObject({ prompt: TEMPLATE.prompt, promptFault: { code: 'template_failed' } });
});

it('begins where the last success ended: a failure widens it, other prompts and other schedules do not count', async () => {
  const { store } = fixture;
  const { organizationId, id, teamId } = await fixture.schedule(TEMPLATE);
  const other = await fixture.schedule({ organizationId, teamId, ...TEMPLATE });
  const ended = async (hour: number, status: Outcome['status'], prompt?: string, scheduleId = id): Promise<Run> => {
    const made = await store.archive.createManualRun(organizationId, scheduleId, null, prompt);
    if (!made) throw new Error('no run');
    const run = await begin(await claimed(made, at(hour)));
    await end(run, status, `of ${hour}`);
    return run;
  };
  const windowAt = async (hour: number): Promise<number[]> => {
    const run = await begin(await claimed(await fixture.manualRun(organizationId, id), at(hour)));
    return [run.window?.start.getUTCHours() ?? -1, run.window?.end.getUTCHours() ?? -1];
  };
  await ended(1, 'success');
  await ended(2, 'failed');
  await ended(3, 'success', 'another prompt');
  await ended(4, 'success', undefined, other.id);
  expect(await windowAt(5)).toEqual([1, 5]);
  const record = await store.history.readPromptRecord(organizationId, id, at(5));
  expect(record).toMatchObject({
    coveredUntil: at(1),
    lastRun: { status: 'success', result: 'of 3' },
    timezone: 'Europe/Berlin',
  });
  expect(await store.history.readPromptRecord(other.id, id, at(5))).toBeNull();
  await ended(6, 'success');
  expect(await windowAt(7)).toEqual([6, 7]);
  // One that was late: what came after it covers nothing of it.
  expect(await windowAt(4)).toEqual([1, 4]);
});

it('of a rerun is that of its original', async () => {
  const { store } = fixture;
  const { organizationId, id } = await fixture.schedule(TEMPLATE);
  const first = await begin(await claimed(await fixture.manualRun(organizationId, id), at(1)));
  await end(first, 'failed');
  const made = await store.archive.createRerun(organizationId, first.id);
  if (!made) throw new Error('no rerun');
  expect(made.plan.prompt).toBe(TEMPLATE.prompt);
  const again = await begin(await claimed(made), 'rendered anew');
  expect(again.window).toEqual(first.window);
  await end(again, 'success');
  const next = await begin(await claimed(await fixture.manualRun(organizationId, id), at(2)));
  expect(next.window).toEqual({ start: at(1), end: at(2) });
});

it('changes with an edit, which the revisions keep', async () => {
  const { organizationId, id } = await fixture.schedule({ prompt: '{{ plain }}' });
  const edited = await fixture.store.schedules.updateSchedule(organizationId, id, TEMPLATE, null);
  expect(edited).toMatchObject(TEMPLATE);
  const [newest] = await fixture.store.history.readRevisions(organizationId, id, 1);
  expect(newest).toMatchObject({ changed: ['prompt', 'promptFormat', 'variables'], fields: TEMPLATE });
});
