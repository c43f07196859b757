import fc from 'fast-check';
import { parseCron, type Cron } from './cron';
import { nextFire, occurrencesBetween } from './next-fire';
import { planFiring, type FiringRequest, type PlannedOccurrence } from './plan-firing';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

function cron(expression: string): Cron {
  const parsed = parseCron(expression);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.cron;
}

function at(time: string): Date {
  return new Date(`2025-06-01T${time}Z`);
}

function request(changes: Partial<FiringRequest>): FiringRequest {
  return {
    cron: cron('*/10 * * * *'),
    timezone: 'UTC',
    catchUp: 'latest',
    catchUpWindowMs: HOUR_MS,
    nextFireAt: at('12:00:00'),
    now: at('12:00:00'),
    lateAfterMs: MINUTE_MS,
    maxOccurrences: 100,
    ...changes,
  };
}

/** `12:00 fire catchup`, one line an occurrence. */
function lines(occurrences: readonly PlannedOccurrence[]): string[] {
  return occurrences.map(
    (planned) => `${planned.scheduledFor.toISOString().slice(11, 16)} ${planned.disposition} ${planned.trigger}`,
  );
}

describe('planFiring', () => {
  it('plans nothing before the next instant', () => {
    const plan = planFiring(request({ now: at('11:59:59.999') }));
    expect(plan).toEqual({ occurrences: [], nextFireAt: at('12:00:00'), followingFireAt: at('12:10:00') });
  });

  it.each(['none', 'latest', 'all'] as const)('fires an instant that is on time (%s)', (catchUp) => {
    for (const now of [at('12:00:00'), at('12:00:00.003'), at('12:01:00')]) {
      const plan = planFiring(request({ catchUp, now }));
      expect(lines(plan.occurrences)).toEqual(['12:00 fire schedule']);
      expect(plan.nextFireAt).toEqual(at('12:10:00'));
      expect(plan.followingFireAt).toEqual(at('12:20:00'));
    }
  });

  it('fires every instant that is on time, even several', () => {
    const plan = planFiring(request({ cron: cron('* * * * *'), now: at('12:01:00') }));
    expect(lines(plan.occurrences)).toEqual(['12:00 fire schedule', '12:01 fire schedule']);
  });

  it.each([
    ['none', ['12:00 missed schedule', '12:10 missed schedule', '12:20 missed schedule']],
    ['latest', ['12:00 missed schedule', '12:10 missed schedule', '12:20 fire catchup']],
    ['all', ['12:00 fire catchup', '12:10 fire catchup', '12:20 fire catchup']],
  ] as const)('with late instants only, %s', (catchUp, expected) => {
    expect(lines(planFiring(request({ catchUp, now: at('12:25:00') })).occurrences)).toEqual(expected);
  });

  it.each([
    ['none', ['12:00 missed schedule', '12:10 missed schedule', '12:20 fire schedule']],
    ['latest', ['12:00 missed schedule', '12:10 missed schedule', '12:20 fire schedule']],
    ['all', ['12:00 fire catchup', '12:10 fire catchup', '12:20 fire schedule']],
  ] as const)('with the newest instant on time, %s', (catchUp, expected) => {
    expect(lines(planFiring(request({ catchUp, now: at('12:20:30') })).occurrences)).toEqual(expected);
  });

  it.each([
    ['latest', ['12:00 missed schedule', '12:10 missed schedule']],
    ['all', ['12:00 missed schedule', '12:10 missed schedule']],
  ] as const)('catches up nothing that is older than the window (%s)', (catchUp, expected) => {
    expect(
      lines(planFiring(request({ catchUp, now: at('12:19:00'), catchUpWindowMs: 5 * MINUTE_MS })).occurrences),
    ).toEqual(expected);
  });

  it('includes the edge of the window', () => {
    const plan = planFiring(request({ catchUp: 'all', now: at('12:15:00'), catchUpWindowMs: 15 * MINUTE_MS }));
    expect(lines(plan.occurrences)).toEqual(['12:00 fire catchup', '12:10 fire catchup']);
    const later = planFiring(request({ catchUp: 'all', now: at('12:15:00.001'), catchUpWindowMs: 15 * MINUTE_MS }));
    expect(lines(later.occurrences)).toEqual(['12:00 missed schedule', '12:10 fire catchup']);
  });

  it('plans a long backlog in pieces, of which `latest` fires the newest only', () => {
    const first = planFiring(request({ now: at('12:49:00'), maxOccurrences: 3 }));
    expect(lines(first.occurrences)).toEqual([
      '12:00 missed schedule',
      '12:10 missed schedule',
      '12:20 missed schedule',
    ]);
    expect(first.nextFireAt).toEqual(at('12:30:00'));
    expect(first.followingFireAt).toEqual(at('12:40:00'));
    const second = planFiring(request({ nextFireAt: first.nextFireAt, now: at('12:49:00'), maxOccurrences: 3 }));
    expect(lines(second.occurrences)).toEqual(['12:30 missed schedule', '12:40 fire catchup']);
    expect(second.nextFireAt).toEqual(at('12:50:00'));
  });

  it('knows the newest instant where it is the only one left for the next piece', () => {
    const plan = planFiring(request({ now: at('12:19:00'), maxOccurrences: 1 }));
    expect(lines(plan.occurrences)).toEqual(['12:00 missed schedule']);
    expect(plan.nextFireAt).toEqual(at('12:10:00'));
  });

  it('plans a year of minutes without walking through it', () => {
    const plan = planFiring(
      request({
        cron: cron('* * * * *'),
        nextFireAt: new Date('2024-06-01T12:00:00Z'),
        now: at('12:00:00'),
        maxOccurrences: 2,
      }),
    );
    expect(plan.occurrences).toHaveLength(2);
    expect(plan.nextFireAt).toEqual(new Date('2024-06-01T12:02:00Z'));
  });

  it('keeps to the time zone across a change of the clocks', () => {
    const plan = planFiring(
      request({
        cron: cron('30 2 * * *'),
        timezone: 'Europe/Berlin',
        nextFireAt: new Date('2025-03-29T01:30:00Z'),
        now: new Date('2025-03-30T01:00:10Z'),
        catchUp: 'none',
      }),
    );
    expect(plan.occurrences.map((planned) => [planned.scheduledFor.toISOString(), planned.disposition])).toEqual([
      ['2025-03-29T01:30:00.000Z', 'missed'],
      ['2025-03-30T01:00:00.000Z', 'fire'],
    ]);
    expect(plan.nextFireAt).toEqual(new Date('2025-03-31T00:30:00Z'));
  });

  it('throws for a limit that could never make progress', () => {
    expect(() => planFiring(request({ maxOccurrences: 0 }))).toThrow(RangeError);
    expect(() => planFiring(request({ maxOccurrences: Number.NaN }))).toThrow(RangeError);
  });
});

const EXPRESSIONS = [
  '* * * * *',
  '*/7 * * * *',
  '0 */3 * * *',
  '15,45 2 * * *',
  '30 2 * * 0',
  '0 0 1 * *',
  '0-9 12 * * 1-5',
].map(cron);

const anyRequest: fc.Arbitrary<FiringRequest> = fc
  .record({
    cron: fc.constantFrom(...EXPRESSIONS),
    timezone: fc.constantFrom('UTC', 'Europe/Berlin', 'Australia/Lord_Howe'),
    catchUp: fc.constantFrom('none' as const, 'latest' as const, 'all' as const),
    catchUpWindowMs: fc.integer({ min: 0, max: 24 * HOUR_MS }),
    start: fc.integer({ min: Date.parse('2025-01-01'), max: Date.parse('2025-12-31') }),
    downMs: fc.oneof(fc.integer({ min: 0, max: 3 * MINUTE_MS }), fc.integer({ min: 0, max: 36 * HOUR_MS })),
    lateAfterMs: fc.constantFrom(0, MINUTE_MS, HOUR_MS),
    maxOccurrences: fc.constantFrom(1, 2, 7, 100, 10_000),
  })
  .map(({ start, downMs, ...rest }) => {
    const nextFireAt = nextFire(rest.cron, rest.timezone, new Date(start));
    return { ...rest, nextFireAt, now: new Date(nextFireAt.getTime() - MINUTE_MS + downMs) };
  });

/** Plans piece by piece, as callers do, until nothing is due. */
function planAll(first: FiringRequest): { occurrences: PlannedOccurrence[]; nextFireAt: Date } {
  const occurrences: PlannedOccurrence[] = [];
  let nextFireAt = first.nextFireAt;
  do {
    const plan = planFiring({ ...first, nextFireAt });
    expect(plan.occurrences.length).toBeLessThanOrEqual(first.maxOccurrences);
    expect(plan.followingFireAt).toEqual(nextFire(first.cron, first.timezone, plan.nextFireAt));
    occurrences.push(...plan.occurrences);
    nextFireAt = plan.nextFireAt;
  } while (nextFireAt <= first.now);
  return { occurrences, nextFireAt };
}

describe('planFiring, whatever is asked', () => {
  it('names every due instant exactly once, in order, and no other', () => {
    fc.assert(
      fc.property(anyRequest, (any) => {
        const { occurrences, nextFireAt } = planAll(any);
        const justBefore = new Date(any.nextFireAt.getTime() - 1);
        const due = occurrencesBetween(any.cron, any.timezone, justBefore, any.now, 100_000);
        expect(occurrences.map((planned) => planned.scheduledFor)).toEqual(due);
        expect(nextFireAt).toEqual(nextFire(any.cron, any.timezone, due.at(-1) ?? justBefore));
      }),
    );
  });

  it('keeps to the policy, however the backlog is cut', () => {
    fc.assert(
      fc.property(anyRequest, (any) => {
        const { occurrences } = planAll(any);
        const ageOf = (planned: PlannedOccurrence): number => any.now.getTime() - planned.scheduledFor.getTime();
        const late = occurrences.filter((planned) => ageOf(planned) > any.lateAfterMs);
        const punctual = occurrences.filter((planned) => ageOf(planned) <= any.lateAfterMs);
        const caughtUp = late.filter((planned) => planned.disposition === 'fire');
        expect(punctual.every((planned) => planned.disposition === 'fire' && planned.trigger === 'schedule')).toBe(
          true,
        );
        expect(
          late.every((planned) => planned.trigger === (planned.disposition === 'fire' ? 'catchup' : 'schedule')),
        ).toBe(true);
        const inWindow = late.filter((planned) => ageOf(planned) <= any.catchUpWindowMs);
        const newest = punctual.length === 0 ? inWindow.filter((planned) => planned === occurrences.at(-1)) : [];
        expect(caughtUp).toEqual({ none: [], latest: newest, all: inWindow }[any.catchUp]);
      }),
    );
  });
});
