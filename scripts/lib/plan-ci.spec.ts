import { askModule } from './spec-support';

interface Plan {
  readonly chosen: readonly { readonly group: { readonly name: string }; readonly why: string }[];
  readonly leftOut: readonly { readonly name: string; readonly why: string; readonly isForTime: boolean }[];
}

const GROUPS = [
  { name: 'sweep', files: ['libs/**'], ci: { minutes: 11, isBeside: true, isAlways: true } },
  { name: 'chaos', files: ['libs/store/**', 'test/chaos/*.ts'], ci: { minutes: 4 } },
  { name: 'hosts', files: ['libs/**'], ci: { minutes: 2 } },
  { name: 'figures', files: ['libs/**'], ci: { never: 'needs a machine for itself' } },
];

type Landing = readonly [changed: readonly string[], budgetMinutes: number];

function plansOf(...landings: readonly Landing[]): readonly Plan[] {
  const inputs = landings.map(([changed, budgetMinutes]) => ({ groups: GROUPS, changed, budgetMinutes }));
  return askModule('lib/plan-ci.mjs', 'input.map(planCi)', inputs);
}

function plan(changed: readonly string[], budgetMinutes = 14): Plan {
  const [only] = plansOf([changed, budgetMinutes]);
  if (!only) throw new Error('there is no plan');
  return only;
}

function namesOf({ chosen, leftOut }: Plan): { readonly chosen: string[]; readonly leftOut: string[] } {
  return { chosen: chosen.map(({ group }) => group.name), leftOut: leftOut.map(({ name }) => name) };
}

describe('what CI plays of a landing', () => {
  it('are the groups whose files changed, by their priority, and those of which a share is always played', () => {
    const { chosen } = plan(['libs/store/rows.ts', 'README.md', 'libs/store/more.ts']);
    expect(chosen.map(({ group, why }) => [group.name, why])).toEqual([
      ['sweep', 'libs/store/rows.ts and 1 more of its files changed'],
      ['chaos', 'libs/store/rows.ts and 1 more of its files changed'],
      ['hosts', 'libs/store/rows.ts and 1 more of its files changed'],
    ]);
    expect(namesOf(plan(['README.md']))).toEqual({ chosen: ['sweep'], leftOut: ['chaos', 'hosts', 'figures'] });
  });

  it('leaves out, for time, what does not fit the budget any more, and plays what still does', () => {
    const { chosen, leftOut } = plan(['libs/store/rows.ts'], 3);
    expect(chosen.map(({ group }) => group.name)).toEqual(['sweep', 'hosts']);
    expect(leftOut).toContainEqual({
      name: 'chaos',
      why: 'its 4 min do not fit any more: 0 of 3 are given to others',
      isForTime: true,
    });
  });

  it('says of every group whether it is played, or why not', () => {
    const landings = [[], ['libs/x.ts'], ['test/chaos/plan.ts'], ['docs/x.md']].flatMap((changed) =>
      [0, 3, 14].map((budget): Landing => [changed, budget]),
    );
    for (const { chosen, leftOut } of plansOf(...landings)) {
      const named = [...chosen.map(({ group }) => group.name), ...leftOut.map(({ name }) => name)];
      expect(named.sort()).toEqual(['chaos', 'figures', 'hosts', 'sweep']);
      for (const { why } of [...chosen, ...leftOut]) expect(why).toMatch(/\w{4}/);
    }
  });
});

describe('a glob', () => {
  const cases = [
    ['libs/domain/**', 'libs/domain/runs/decide.ts', true],
    ['libs/domain/**', 'libs/domains/x.ts', false],
    ['libs/protocol-*/**', 'libs/protocol-acp/wire.ts', true],
    ['test/chaos/*.ts', 'test/chaos/plan.ts', true],
    ['test/chaos/*.ts', 'test/chaos/faults/cut.ts', false],
    ['scripts/start.mjs', 'scripts/startXmjs', false],
  ] as const;

  it('means what is in a folder by a star, and all below it by two', () => {
    const seen = askModule(
      'lib/match-glob.mjs',
      'input.map(([glob, path]) => [glob, path, matchesGlob(path, glob)])',
      cases,
    );
    expect(seen).toEqual(cases);
  });
});
