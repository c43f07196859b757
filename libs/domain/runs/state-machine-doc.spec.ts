import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_CODES } from '../errors';
import { decide, type Decision } from './decide';
import { anyObservation, anyRun } from './decide.spec-arbitraries';
import { NOW, POLICY, seen, someRun } from './decide.spec-support';
import { RUN_PHASES, TERMINAL_STATUSES, type RunPhase } from './run';

const doc = readFileSync(join(__dirname, '../../../docs/state-machine.md'), 'utf8');

/** Where acting on a decision may lead; nowhere: the phase stays. */
const LEADS_TO: Record<Decision['kind'], readonly RunPhase[]> = {
  begin: ['deploying'],
  deploy: [],
  prompt: ['prompting'],
  confirm: ['monitoring'],
  end_work: ['verifying'],
  verify: [],
  push: [],
  conclude: ['collecting', 'tearing_down'],
  collect: [],
  end_collecting: ['tearing_down'],
  tear_down: ['finished'],
  fail_teardown: [],
  wait: [],
  done: [],
};

/** Every decision that `decide` makes in a phase, found by asking it many questions. */
function decisionsByPhase(): Map<RunPhase, Set<Decision['kind']>> {
  const found = new Map(RUN_PHASES.map((phase) => [phase, new Set<Decision['kind']>()]));
  const ask = (run: ReturnType<typeof someRun>, observation: ReturnType<typeof seen>): void => {
    found.get(run.phase)?.add(decide(run, observation, NOW, POLICY).kind);
  };
  const samples = fc.sample(fc.tuple(anyRun(), anyObservation()), { numRuns: 20_000, seed: 1 });
  for (const [run, observation] of samples) ask(run, observation);
  ask(someRun({ phase: 'queued', status: 'cancelled' }), seen());
  return found;
}

/** A team that was never prompted has left nothing to collect. */
function isMove(from: RunPhase, to: RunPhase): boolean {
  return from !== to && !(from === 'deploying' && to === 'collecting');
}

describe('docs/state-machine.md', () => {
  const found = decisionsByPhase();

  it('draws exactly the moves that the code makes', () => {
    const drawn = [...doc.matchAll(/^ {2}(\w+) --> (\w+): (.+)$/gm)].map(
      ([, from, to, label]) => `${from} ${to} ${label}`,
    );
    const made = [...found].flatMap(([phase, kinds]) =>
      [...kinds].flatMap((kind) =>
        LEADS_TO[kind].filter((to) => isMove(phase, to)).map((to) => `${phase} ${to} ${kind}`),
      ),
    );
    expect(drawn.sort()).toEqual([...made, 'queued finished never begun'].sort());
  });

  it('lists exactly the decisions of each phase', () => {
    for (const [phase, kinds] of found) {
      const row = doc.split('\n').find((line) => line.startsWith(`| ${phase} |`));
      const listed = row?.split('|').at(-2)?.trim().split(', ').sort();
      expect([phase, listed]).toEqual([phase, [...kinds].sort()]);
    }
  });

  it('explains every status, with codes that exist', () => {
    for (const status of ['queued', 'running', ...TERMINAL_STATUSES])
      expect(doc).toMatch(new RegExp(`^\\| ${status} \\|`, 'm'));
    for (const code of ['timeout', 'cancelled', 'replaced', 'overlap_skipped', 'missed'])
      expect(Object.keys(ERROR_CODES)).toContain(code);
  });
});
