import type { Mutant } from './mutant';

/** The cases of one point that the process runtime passes: a container would show no more. */
const sweepOf = (point: string): Mutant['caughtBy'] => ({
  layer: 'crash sweep',
  specs: 'test/crash',
  env: { CRASH_LANES: '^process$', CRASH_POINTS: `^${point}$` },
});

/** Faults that only a real process shows which dies or stands still at a certain line. */
export const CRASH_MUTANTS: readonly Mutant[] = [
  {
    name: 'adopter-prompts-again',
    breaks:
      'The worker that takes over from one that died between prompt and confirmation sends the prompt again (I5).',
    edits: [
      {
        within: 'libs/orchestrator',
        search: "{ status: 'not_ours', sinceMs: this.takenAt } : { status: 'idle' }",
        replace: "{ status: 'idle' } : { status: 'idle' }",
      },
      {
        within: 'libs/orchestrator',
        search: 'if (!isOurs) {',
        replace: 'if (!isOurs && run.epoch < 0) {',
      },
    ],
    caughtBy: sweepOf('run-store.confirmPrompt:before'),
  },
  {
    name: 'folders-of-processes-stay',
    breaks: 'A run of processes is torn down with a receipt, and its folders stay on the disk (I8).',
    edits: [
      {
        within: 'libs/runtime-process',
        search: 'const left = await removeFolders(folders, installationId, runId);',
        replace: 'const left = wasThere ? null : await removeFolders(folders, installationId, runId);',
      },
    ],
    caughtBy: sweepOf('run-store.conclude:after'),
  },
];
