import type { RunEvent, RunState } from '@crewtab/domain/runs/run-event';
import type { Run } from '@crewtab/domain/runs/run';
import type { World } from './world';

/** I16: what the log tells of each run leads from nothing to where the run stands, and to nothing else. */
export function checkEvents({ store, violations, tally }: World): void {
  const told = new Map<string, RunEvent[]>();
  for (const event of store.events.all()) told.set(event.runId, [...(told.get(event.runId) ?? []), event]);
  for (const run of store.all()) {
    const events = told.get(run.id) ?? [];
    told.delete(run.id);
    tally.add('events', events.length);
    for (const fault of faultsOf(run, events)) violations.add('I16', run.id, fault);
  }
  for (const runId of told.keys()) violations.add('I16', runId, 'has events, and is no run');
}

function* faultsOf(run: Run, events: readonly RunEvent[]): Iterable<string> {
  let state: RunState | undefined;
  let epoch = 0;
  for (const { type, data } of events) {
    if (data.epoch < epoch) yield `${type} of epoch ${data.epoch} comes after epoch ${epoch}`;
    epoch = data.epoch;
    if (type !== 'run.status' && type !== 'run.phase') continue;
    if (!isSame(data.from, state)) yield `${type} leaves ${show(data.from)}, but it was ${show(state)}`;
    if (isSame(data.from, data.to)) yield `${type} of no change`;
    state = data.to;
  }
  if (!isSame(state, run)) yield `its events end at ${show(state)}, it is ${show(run)}`;
  const { receipt, failedAttempts } = run.teardown;
  const expected = {
    'run.cancel_requested': Number(run.cancelRequestedAt !== null),
    'teardown.failed': failedAttempts,
    'teardown.verified': Number(Boolean(receipt?.verifiedAt)),
    'teardown.given_up': Number(Boolean(receipt?.givenUp)),
  };
  for (const [type, times] of Object.entries(expected)) {
    const told = events.filter((event) => event.type === type).length;
    if (told !== times) yield `${told} events ${type}, ${times} happened`;
  }
}

function isSame(a: RunState | undefined, b: RunState | undefined): boolean {
  return a?.status === b?.status && a?.phase === b?.phase;
}

function show(state: RunState | undefined): string {
  return state ? `${state.status} (${state.phase})` : 'nothing';
}
