import { resolve } from 'node:path';
import { planFaults } from '../../test/chaos/plan';
import { findPoints } from '../../test/crash/points/find-points';
import { pointsByFile } from '../../test/crash/points/points-by-file';
import { MUTANTS } from '../../test/mutants/mutants';
import { plantEdit } from '../../test/mutants/plant-edit';
import { askModule } from './spec-support';

interface Context {
  readonly commit: string;
  readonly changed: readonly string[];
}

const project = resolve(__dirname, '../..');
const MODULE = 'lib/choose-from-sources.mjs';
const DRIVER = 'libs/runtime-docker/docker-runtime.ts';

const all = findPoints();
const byFile = pointsByFile();

function pointsOf(...contexts: readonly Context[]): { readonly chosen: string[]; readonly note: string }[] {
  const asked = askModule<{ pattern: string; note: string }[]>(MODULE, 'input.map(choosePoints)', contexts);
  return asked.map(({ pattern, note }) => ({ chosen: all.filter((one) => RegExp(pattern).test(one)), note }));
}

describe('the crash points that CI plays', () => {
  const touched = [...(byFile.get(DRIVER) ?? [])].sort();
  const [few, none, again, other, everything] = pointsOf(
    { commit: 'a', changed: [DRIVER, 'README.md'] },
    { commit: 'a', changed: [] },
    { commit: 'a', changed: [] },
    { commit: 'b', changed: [] },
    { commit: 'a', changed: [...byFile.keys()] },
  );

  it('are those in changed files, and one in twelve of the others', () => {
    expect(touched.length).toBeGreaterThan(0);
    expect(few?.chosen).toEqual(expect.arrayContaining(touched));
    expect(few?.chosen).toHaveLength(touched.length + Math.ceil((all.length - touched.length) / 12));
    expect(none?.chosen).toHaveLength(Math.ceil(all.length / 12));
    expect(none?.note).toMatch(/^\d+ of \d+ points: 0 in changed files, \d+ of the others by the commit's turn$/);
  });

  it('follow from the commit', () => {
    expect(again).toEqual(none);
    expect(other?.chosen).not.toEqual(none?.chosen);
  });

  it('are no more than there is time for, which is said', () => {
    expect(everything?.chosen).toHaveLength(110);
    expect(everything?.note).toMatch(/; \d+ more in changed files have no time$/);
  });
});

describe('the mutants that CI plants', () => {
  it('are those of changed files, and some others', async () => {
    const [first] = MUTANTS.filter(({ caughtBy }) => caughtBy.layer === 'unit');
    const [edit] = first?.edits ?? [];
    if (!edit) throw new Error('there is no mutant for unit tests');
    const { file } = await plantEdit(project, edit);
    const changed = [file];
    const { names } = askModule<{ names: string[] }>(MODULE, 'chooseMutants(input)', { commit: 'a', changed });
    expect(names).toContain(first?.name);
    expect(names.length).toBeLessThanOrEqual(16);
    expect(names.filter((name) => !MUTANTS.some((mutant) => mutant.name === name))).toEqual([]);
  });
});

describe("the seed of CI's chaos", () => {
  it('follows from the commit, and its two minutes have every kind of fault', () => {
    const seeds = askModule<number[]>(MODULE, "['a', 'a', 'b'].map((commit) => chooseChaosSeed(commit, 2))");
    expect(seeds[0]).toBe(seeds[1]);
    expect(seeds[0]).not.toBe(seeds[2]);
    const kindsOf = (seed: number, minutes: number): string[] =>
      [...new Set(planFaults(seed, minutes * 60_000).map(({ kind }) => kind))].sort();
    for (const seed of seeds) expect(kindsOf(seed, 2)).toEqual(kindsOf(7, 4));
  });
});
