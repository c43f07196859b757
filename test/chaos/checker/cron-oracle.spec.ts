import { dueInstants } from './cron-oracle';

function due(cron: string, timezone: string, from: string, to: string): string[] {
  return dueInstants(cron, timezone, Date.parse(from), Date.parse(to)).map((at) =>
    new Date(at).toISOString().slice(0, 16),
  );
}

/** The examples of docs/cron.md, worked out by hand there. */
describe('the oracle for cron expressions', () => {
  it('knows stars, steps, ranges and lists', () => {
    expect(due('* * * * *', 'UTC', '2026-06-01T12:00:00Z', '2026-06-01T12:02:59Z')).toHaveLength(3);
    expect(due('*/40 * * * *', 'UTC', '2026-06-01T12:00:00Z', '2026-06-01T13:59:00Z')).toEqual([
      '2026-06-01T12:00',
      '2026-06-01T12:40',
      '2026-06-01T13:00',
      '2026-06-01T13:40',
    ]);
    expect(due('10-40/15,59 12 1 6 *', 'UTC', '2026-06-01T00:00:00Z', '2026-06-02T00:00:00Z')).toEqual([
      '2026-06-01T12:10',
      '2026-06-01T12:25',
      '2026-06-01T12:40',
      '2026-06-01T12:59',
    ]);
  });

  it('takes either day field where neither is a star', () => {
    const days = due('0 0 13 * 5', 'UTC', '2026-11-01T00:00:00Z', '2026-11-30T00:00:00Z');
    expect(days.map((day) => day.slice(8, 10))).toEqual(['06', '13', '20', '27']);
  });

  it.each([
    ['30 2 * * *', 'Europe/Berlin', '2025-03-30T00:00Z', '2025-03-31T00:00Z', ['2025-03-30T01:00']],
    ['30 2 * * *', 'Europe/Berlin', '2025-10-26T00:00Z', '2025-10-26T23:00Z', ['2025-10-26T00:30']],
    [
      '*/30 * * * *',
      'Europe/Berlin',
      '2025-10-26T00:00Z',
      '2025-10-26T02:00Z',
      ['2025-10-26T00:00', '2025-10-26T00:30', '2025-10-26T02:00'],
    ],
    ['15 2 * * *', 'Australia/Lord_Howe', '2025-10-04T14:00Z', '2025-10-05T13:00Z', ['2025-10-04T15:30']],
    ['0 0 * * *', 'Africa/Cairo', '2024-04-25T12:00Z', '2024-04-26T12:00Z', ['2024-04-25T22:00']],
  ])('%s in %s when clocks change', (cron, timezone, from, to, expected) => {
    expect(due(cron, timezone, from, to)).toEqual(expected);
  });

  it('refuses what it does not know', () => {
    expect(() => due('0 0 * * fri', 'UTC', '2026-06-01T00:00Z', '2026-06-02T00:00Z')).toThrow('does not know');
    expect(() => due('@daily', 'UTC', '2026-06-01T00:00Z', '2026-06-02T00:00Z')).toThrow('does not know');
  });
});
