import { deadlineSeconds } from './container-spec';

const NOW = new Date('2026-03-02T10:00:00.000Z');
const at = (ms: number): Date => new Date(NOW.getTime() + ms);

describe('the seconds after which a container ends by itself', () => {
  it.each([
    ['a deadline in a minute', 60_000, 60],
    ['a fraction of a second, never too early', 60_001, 61],
    ['a deadline 30 days away, where a timer in ms would have overflowed', 30 * 86_400_000, 2_592_000],
    ['a deadline that has passed', -86_400_000, 1],
  ])('are counted for %s', (_, leftMs, seconds) => {
    expect(deadlineSeconds(at(leftMs), NOW, 0)).toBe(seconds);
  });

  it('come after the deadline by the grace', () => {
    expect(deadlineSeconds(at(30 * 86_400_000), NOW, 90_000)).toBe(2_592_090);
  });
});
