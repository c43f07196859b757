import type { Mutant } from './mutant';

const simulator = { layer: 'simulator', histories: 300 } as const;

/** Faults that need a crash, a lost answer or a second worker at the wrong moment, which no table of cases has. */
export const SIMULATOR_MUTANTS: readonly Mutant[] = [
  {
    name: 'prompt-before-the-permit',
    breaks:
      'The prompt is written first and permitted then: a crash in between makes the next worker send it again (I5).',
    edits: [
      {
        within: 'libs/orchestrator',
        search: 'const isOurs = await deps.store.permitPrompt(claim, {',
        replace: `if (team.promptWrite.status === 'idle') await team.startTurn(leader.name, { id: promptTurnId(run.id), text });
  const isOurs = await deps.store.permitPrompt(claim, {`,
      },
      {
        within: 'libs/orchestrator',
        search: 'team.startTurn(leader.name, { id: promptTurnId(run.id), text }).then(',
        replace: 'Promise.resolve().then(',
      },
    ],
    caughtBy: simulator,
  },
  {
    name: 'permit-of-another-worker-is-used',
    breaks: 'A worker that adopts a run writes the prompt although another one was permitted to (I5).',
    edits: [
      {
        within: 'libs/orchestrator',
        search: "{ status: 'not_ours', sinceMs: this.takenAt } : { status: 'idle' }",
        replace: "{ status: 'idle' } : { status: 'idle' }",
      },
      { within: 'libs/orchestrator', search: 'if (!isOurs) {', replace: 'if (!isOurs && run.epoch < 0) {' },
    ],
    caughtBy: simulator,
  },
  {
    name: 'adopted-output-is-stored-again',
    breaks:
      'A worker that adopts a run stores the output from its first line, not from the cursor: all is doubled (I14).',
    edits: [
      {
        within: 'libs/orchestrator',
        search: 'const isReplayed = line.index < stored[line.stream];',
        replace: 'const isReplayed = line.index < 0 * stored[line.stream];',
      },
    ],
    caughtBy: simulator,
  },
  {
    name: 'left-behind-counts-as-removed',
    breaks: 'A run is finished although the engine said what it could not remove (I8).',
    edits: [
      {
        within: 'libs/orchestrator',
        search: 'if (left.length > 0) return leftover(removed, left);',
        replace: 'if (left.length < 0) return leftover(removed, left);',
      },
    ],
    caughtBy: simulator,
  },
  {
    name: 'reaper-takes-what-is-alive',
    breaks: 'The reaper removes the containers of a run that is not over (I13).',
    edits: [
      {
        within: 'libs/orchestrator',
        search: 'return run ? run.isFinished :',
        replace: 'return run ? !run.isFinished :',
      },
    ],
    caughtBy: simulator,
  },
  {
    name: 'instant-jumped-over',
    breaks: 'A backlog of several instants loses the first of them (I2).',
    edits: [
      {
        within: 'libs/domain',
        search: 'let next = request.nextFireAt;',
        replace: `const second = nextFire(request.cron, request.timezone, request.nextFireAt);
  let next = second <= request.now ? second : request.nextFireAt;`,
      },
    ],
    caughtBy: simulator,
  },
  {
    name: 'limit-hides-behind-an-end',
    breaks: 'An agent that goes beyond a limit and then ends, or is done, ends its run as if it had not (I6, I13).',
    edits: [
      {
        within: 'libs/domain',
        search: 'return outputFailure ?? diskFailure ?? null;',
        replace: 'return (outputFailure && diskFailure) ?? null;',
      },
    ],
    caughtBy: simulator,
  },
  {
    name: 'way-out-outlives-its-run',
    breaks: "The folder of a run's egress proxy stays when the run is removed (I8).",
    edits: [
      {
        within: 'libs/orchestrator',
        search: 'await egressProxy?.remove(runId);',
        replace: 'await egressProxy?.list();',
      },
      {
        within: 'libs/orchestrator',
        search: 'for (const owner of [toolServer, egressProxy]) if (owner !== null)',
        replace: 'for (const owner of [toolServer]) if (owner !== null)',
      },
    ],
    caughtBy: simulator,
  },
  {
    name: 'exit-code-is-believed-unseen',
    breaks: 'A plain program that ended while its engine was down is a success without its last words (I6, I14).',
    edits: [
      {
        within: 'libs/protocol-command',
        search: ' && !exit.mayLackOutput;',
        replace: ';',
      },
    ],
    // An engine must die while such a program ends: once in some 250 histories.
    caughtBy: { layer: 'simulator', histories: 2_000 },
  },
];
