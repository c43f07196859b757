import { runBatch } from './batch';
import { dealOut, deriveSeed, freshSeeds, numberedSeeds, ONCE_FAILED } from './seeds';

describe('fresh seeds', () => {
  it('are the first 32 bits of SHA-256 of the text and a number', () => {
    // printf 'a-commit:1' | sha256sum | cut -c1-8
    expect(deriveSeed('a-commit', 1)).toBe(0xd633403f);
    expect(deriveSeed('a-commit', 2)).toBe(0xf85ff958);
  });

  it('are the same for a text, and others for another one', () => {
    expect(freshSeeds(100, 'a')).toEqual(freshSeeds(100, 'a'));
    const [a, b] = [freshSeeds(100, 'a').seeds, freshSeeds(100, 'b').seeds];
    const common = a.filter((seed) => b.includes(seed));
    expect(common).toEqual(ONCE_FAILED.map(({ seed }) => seed));
    expect(new Set(a).size).toBe(a.length);
    expect(a.every((seed) => Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32)).toBe(true);
  });

  it('come after every seed that once failed, and more of them begin with the same', () => {
    const once = ONCE_FAILED.map(({ seed }) => seed);
    expect(once).toContain(77_024_537);
    expect(freshSeeds(0, 'a').seeds).toEqual(once);
    const { seeds } = freshSeeds(3, 'a');
    expect(seeds).toEqual([...once, deriveSeed('a', 1), deriveSeed('a', 2), deriveSeed('a', 3)]);
    expect(freshSeeds(5, 'a').seeds.slice(0, seeds.length)).toEqual(seeds);
  });

  it('are named, with what was found', () => {
    expect(freshSeeds(2_000, 'a').words).toBe(
      `the seeds that once failed (${ONCE_FAILED.length}) and 2,000 derived from "a"`,
    );
    for (const { found } of ONCE_FAILED) expect(found).toMatch(/^I\d+: .{40,}\.$/);
  });
});

describe('seeds', () => {
  it('count up from a first one', () => {
    expect(numberedSeeds(3, 7)).toEqual({ seeds: [7, 8, 9], words: 'seeds 7 to 9' });
  });

  it('are dealt out to the threads, each to one', () => {
    expect(dealOut([5, 6, 7, 8, 9], 2)).toEqual([
      [5, 7, 9],
      [6, 8],
    ]);
  });

  it('that once failed break nothing any more', async () => {
    const played: number[] = [];
    const { failingSeed } = await runBatch(freshSeeds(2, 'a').seeds, (seed) => played.push(seed));
    expect(failingSeed).toBeNull();
    expect(played).toEqual(freshSeeds(2, 'a').seeds);
  });
});
