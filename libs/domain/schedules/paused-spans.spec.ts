import { pausedSpans, type SpecChange } from './paused-spans';

const change = (minute: number, enabled: boolean, more: Partial<SpecChange> = {}): SpecChange => ({
  ...{ at: new Date(minute * 60_000), enabled, cron: '@daily', timezone: 'UTC', note: null },
  ...more,
});

it('is paused from a change that disables it until the one that enables it', () => {
  const changes = [
    change(0, true),
    change(10, false, { note: 'on holiday' }),
    // An edit of the paused schedule ends nothing.
    change(20, false, { cron: '@hourly' }),
    change(30, true, { cron: '@hourly' }),
    change(40, false, { cron: '@hourly' }),
  ];
  const minute = (n: number): Date => new Date(n * 60_000);
  expect(pausedSpans(changes)).toEqual([
    { from: minute(10), to: minute(30), note: 'on holiday', cron: '@daily', timezone: 'UTC' },
    { from: minute(40), to: null, note: null, cron: '@hourly', timezone: 'UTC' },
  ]);
});

it('was never paused without such a change', () => expect(pausedSpans([change(0, true)])).toEqual([]));
