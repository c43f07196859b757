import type { Clock } from '@crewtab/domain/ports/clock';
import type { DoneTurn } from '@crewtab/domain/ports/agent-protocol';
import { TurnGrace } from './turn-grace';

const GRACE = { quietMs: 150, mostMs: 1_000 };
const DONE = { status: 'done', text: 'x' } as DoneTurn;

/** A clock whose time is set by hand, or that is later at each reading. */
class HandClock implements Clock {
  perReadingMs = 0;
  readonly timers: (() => void)[] = [];

  constructor(public nowMs: number) {}

  now(): Date {
    this.nowMs += this.perReadingMs;
    return new Date(this.nowMs);
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  after(_: number, callback: () => void): () => void {
    this.timers.push(callback);
    return () => undefined;
  }
}

it('looks again although the timer fires early and the instant comes between two readings of the clock', () => {
  const clock = new HandClock(1_000);
  let looks = 0;
  const grace = new TurnGrace(GRACE, 'writer', clock, () => (looks += 1));
  expect(grace.of('t', DONE)).toMatchObject({ settlesAt: new Date(1_150) });
  clock.nowMs = 1_148;
  clock.perReadingMs = 1;
  for (let timer = clock.timers.shift(); timer; timer = clock.timers.shift()) timer();
  expect(looks).toBe(1);
  expect(clock.nowMs).toBeGreaterThanOrEqual(1_150);
});

it('listens on while the agent talks, up to its limit, and says that it talked on', () => {
  const clock = new HandClock(1_000);
  const grace = new TurnGrace(GRACE, 'writer', clock, () => undefined);
  grace.of('t', DONE);
  for (clock.nowMs = 1_100; clock.nowMs < 1_990; clock.nowMs += 100) expect(grace.prolong()).toBe(true);
  expect(grace.of('t', DONE)).toMatchObject({ settlesAt: new Date(2_000) });
  expect(grace.warnings).toMatchObject([{ code: 'words_outside_turn' }]);
  clock.nowMs = 2_000;
  expect(grace.prolong()).toBe(false);
});

it('waits for nothing once the agent has ended', () => {
  const clock = new HandClock(1_000);
  const grace = new TurnGrace(GRACE, 'writer', clock, () => undefined);
  grace.of('t', DONE);
  grace.end();
  expect(grace.of('t', DONE)).toMatchObject({ settlesAt: new Date(1_000) });
  expect(grace.of('later', DONE)).toMatchObject({ settlesAt: new Date(1_000) });
});
