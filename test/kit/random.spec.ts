import { SeededRandom } from './random';

describe('the seeded random numbers', () => {
  it('are the same for a seed for ever: known seeds and their histories depend on them', () => {
    const random = new SeededRandom(7);
    expect([random.next(), random.next(), random.int(1, 1_000), random.isTrue(0.5)]).toMatchInlineSnapshot(`
      [
        0.011704753153026104,
        0.06195825757458806,
        977,
        false,
      ]
    `);
  });

  it('are the same for a name for ever: plans of faults depend on them', () => {
    const random = SeededRandom.named('large 7');
    expect([random.next(), random.pick(['a', 'b', 'c']), random.shuffle([1, 2, 3, 4, 5])]).toMatchInlineSnapshot(`
      [
        0.5183123799506575,
        "b",
        [
          3,
          4,
          1,
          5,
          2,
        ],
      ]
    `);
  });

  it('take the lower 32 bits of a seed only', () => {
    expect(new SeededRandom(-1).next()).toBe(new SeededRandom(0xffffffff).next());
  });

  it('pick each key as often as its weight says', () => {
    const random = new SeededRandom(1);
    const picked = Array.from({ length: 4_000 }, () => random.weighted({ often: 3, seldom: 1, never: 0 }));
    expect(picked.filter((key) => key === 'often').length / 4_000).toBeCloseTo(0.75, 1);
    expect(picked).not.toContain('never');
  });
});
