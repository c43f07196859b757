import { askModule } from './spec-support';

interface Stage {
  readonly title: string;
  readonly script: string;
  readonly args?: readonly string[];
  readonly minutes: number;
  readonly isBeside: boolean;
}

/** Of three groups of end-to-end specs and two of other kinds. */
function stagesOf(isPart: boolean): readonly Stage[] {
  return askModule(
    'lib/play-groups.mjs',
    `stagesOf([
      { name: 'sweep', whole: () => ({ script: 'crash', isSuite: true }),
        ci: { minutes: 9, isBeside: true, part: () => ({ script: 'crash', isSuite: true, env: { CRASH_POINTS: 'a' } }) } },
      { name: 'hosts', whole: () => ({ script: 'e2e', isSuite: true, args: ['hosts'] }), ci: { minutes: 1 } },
      { name: 'chaos', whole: ({ commit }) => ({ script: 'chaos', args: [commit] }), ci: { minutes: 4 } },
      { name: 'clocks', whole: () => ({ script: 'e2e', isSuite: true, args: ['ahead', 'behind'] }), ci: { minutes: 2 } },
    ].map((group) => ({ group: { ...group, proves: 'it works' }, isPart: input })), { commit: 'abc' })`,
    isPart,
  );
}

describe('the stages of groups', () => {
  it('are in their order; specs of one project are played side by side', () => {
    expect(stagesOf(false).map(({ title, script, args, isBeside }) => [title, script, args, isBeside])).toEqual([
      ['sweep: it works', 'crash', undefined, false],
      ['hosts, clocks: side by side', 'e2e', ['hosts', 'ahead', 'behind'], false],
      ['chaos: it works', 'chaos', ['abc'], false],
    ]);
  });

  it('are what CI plays of them, with the time that they take together', () => {
    expect(stagesOf(true)).toMatchObject([
      { minutes: 9, isBeside: true, env: { CRASH_POINTS: 'a' } },
      { minutes: 3, isBeside: false },
      { minutes: 4, isBeside: false },
    ]);
  });
});
