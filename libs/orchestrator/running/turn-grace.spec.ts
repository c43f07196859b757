import type { Clock } from '@crewtab/domain/ports/clock';
import type { DoneTurn } from '@crewtab/domain/ports/agent-protocol';
import { TurnGrace } from './turn-grace';

const GRACE = { quietMs: 150, mostMs: 1_000 };
const DONE = { status: 'done', text: 'x' } as DoneTurn;

/** A clock whose time is set by hand, or that is a millisecond later at each reading. */
function clockAt(startMs: number) {
  const timers: { readonly inMs: number; readonly callback: () => void }[] = [];
  const clock = {
    nowMs: startMs,
    perReadingMs: 0,
    timers,
    now: () => new Date((clock.nowMs += clock.perReadingMs)),
    monotonicMs: () => clock.nowMs,
    after: (inMs: number, callback: () => void) => {
      timers.push({ inMs, callback });
      return () => undefined;
    },
  } satisfies Clock & Record<string, unknown>;
  return clock;
}

it('looks again although the timer fires early and the instant comes between two readings of the clock', () => {
  const clock = clockAt(1_000);
  let looks = 0;
  const grace = new TurnGrace(GRACE, 'writer', clock, () => (looks += 1));
  expect(grace.of('t', DONE)).toMatchObject({ settlesAt: new Date(1_150) });
  clock.nowMs = 1_148;
  clock.perReadingMs = 1;
  for (let timer = clock.timers.shift(); timer; timer = clock.timers.shift()) timer.callback();
  expect(looks).toBe(1);
  expect(clock.nowMs).toBeGreaterThanOrEqual(1_150);
});

it('listens on while the agent talks, up to its limit, and says that it talked on', () => {
  const clock = clockAt(1_000);
  const grace = new TurnGrace(GRACE, 'writer', clock, () => undefined);
  grace.of('t', DONE);
  for (clock.nowMs = 1_100; clock.nowMs < 1_990; clock.nowMs += 100) expect(grace.prolong()).toBe(true);
  expect(grace.of('t', DONE)).toMatchObject({ settlesAt: new Date(2_000) });
  expect(grace.warnings).toMatchObject([{ code: 'words_outside_turn' }]);
  clock.nowMs = 2_000;
  expect(grace.prolong()).toBe(false);
});

it('waits for nothing once the agent has ended', () => {
  const clock = clockAt(1_000);
  const grace = new TurnGrace(GRACE, 'writer', clock, () => undefined);
  grace.of('t', DONE);
  grace.end();
  expect(grace.of('t', DONE)).toMatchObject({ settlesAt: new Date(1_000) });
  expect(grace.of('later', DONE)).toMatchObject({ settlesAt: new Date(1_000) });
});
