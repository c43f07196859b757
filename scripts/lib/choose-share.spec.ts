import { askModule } from './spec-support';

interface Share {
  readonly chosen: readonly number[];
  readonly touched: number;
  readonly others: number;
  readonly touchedLeftOut: number;
}

/** Of the numbers from 0 to 99, those below `touchedBelow` being touched: the share for each seed. */
function sharesOf(touchedBelow: number, seeds: readonly string[], share = 5): readonly Share[] {
  return askModule(
    'lib/choose-share.mjs',
    `input.seeds.map((seed) => chooseShare(Array.from({ length: 100 }, (_, index) => index), { ...input, seed,
      nameOf: String, isTouched: (one) => one < input.touchedBelow }))`,
    { limit: 20, share, seeds, touchedBelow },
  );
}

function shareOf(touchedBelow: number): Share {
  const [only] = sharesOf(touchedBelow, ['a']);
  if (!only) throw new Error('there is no share');
  return only;
}

describe('the share that CI plays', () => {
  it('is all that is touched, and as many others as wanted, in their order', () => {
    const { chosen, ...counts } = shareOf(3);
    expect(counts).toEqual({ touched: 3, others: 5, touchedLeftOut: 0 });
    expect(chosen.slice(0, 3)).toEqual([0, 1, 2]);
    expect(chosen).toEqual([...chosen].sort((a, b) => a - b));
  });

  it('keeps to the limit where more is touched, and still has its others', () => {
    const { chosen, ...counts } = shareOf(50);
    expect(counts).toEqual({ touched: 15, others: 5, touchedLeftOut: 35 });
    expect(chosen).toHaveLength(20);
  });

  it('has the whole limit for what is touched where nothing else is left', () => {
    expect(shareOf(100)).toMatchObject({ touched: 20, others: 0, touchedLeftOut: 80 });
  });

  it('follows from the seed, and is another one for another seed', () => {
    const [a, b, again] = sharesOf(50, ['a', 'b', 'a']);
    expect(again).toEqual(a);
    expect(b).not.toEqual(a);
  });

  it('gives each its turn as seeds go by', () => {
    const seeds = Array.from({ length: 12 }, (_, index) => `seed ${index}`);
    const seen = new Set(sharesOf(0, seeds, 20).flatMap(({ chosen }) => chosen));
    expect(seen.size).toBeGreaterThan(85);
  });
});
