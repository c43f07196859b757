import { describe, expect, it } from 'vitest';
import { fromLocalField, readRunFilter, toLocalField } from './run-search';

describe('readRunFilter', () => {
  it('keeps what the page knows, and leaves out what it does not', () => {
    const filter = {
      ...{ status: 'failed', trigger: 'manual', schedule: 's', team: 't', code: 'agent_idle', sort: 'longest' },
      ...{ minDuration: '10m', maxDuration: '1h', minCost: '0.5' },
      ...{ from: '2026-11-29T02:30:00.000Z', to: '2026-11-30T02:30:00.000Z' },
    };
    expect(readRunFilter({ ...filter, maxCost: 2 })).toEqual({ ...filter, maxCost: '2' });
    expect(readRunFilter({ status: 'odd', sort: 'odd', from: 'yesterday', to: 5, minCost: {}, other: 1 })).toEqual({});
    expect(readRunFilter({ sort: 'newest', within: '7d' })).toEqual({ within: '7d' });
  });

  it('prefers a range of its own to the last hours', () => {
    const from = '2026-11-29T02:30:00.000Z';
    expect(readRunFilter({ within: '24h', from })).toEqual({ from });
  });
});

describe('fields for a date and a time', () => {
  it('show and mean the same minute', () => {
    const at = new Date(2026, 2, 9, 4, 5);
    expect(toLocalField(at.toISOString())).toBe('2026-03-09T04:05');
    expect(fromLocalField('2026-03-09T04:05')).toBe(at.toISOString());
    expect(fromLocalField('')).toBeUndefined();
    expect(fromLocalField('2026-')).toBeUndefined();
  });
});
