import type { Mutant } from './mutant';

const unit = (specs: string): Mutant['caughtBy'] => ({ layer: 'unit', specs });
const RUNNING = 'libs/orchestrator/running';
const HOLDER = `${RUNNING}/run-holder.spec.ts`;

/** Faults in how the engine acts on the rules: what a crash, a lost answer or a second worker makes of it. */
export const ENGINE_MUTANTS: readonly Mutant[] = [
  {
    name: 'permit-is-dropped',
    breaks: 'A worker that adopts a run writes the prompt although another one was permitted to (I5).',
    edits: [
      {
        within: 'libs/orchestrator',
        search: "{ status: 'not_ours', sinceMs: this.takenAt } : { status: 'idle' }",
        replace: "{ status: 'idle' } : { status: 'idle' }",
      },
      { within: 'libs/orchestrator', search: 'if (!isOurs) {', replace: 'if (!isOurs && run.epoch < 0) {' },
    ],
    caughtBy: unit(HOLDER),
  },
  {
    name: 'capacity-is-reported-at-changes-only',
    breaks: 'A worker that stood still at a bad moment waits for ever, and takes no run any more.',
    edits: [
      {
        within: 'libs/orchestrator',
        search: 'work: async () => this.check(),',
        replace: 'work: async () => this.abandonStale(),',
      },
    ],
    caughtBy: unit(HOLDER),
  },
  {
    name: 'request-id-is-reused',
    breaks: 'Two delegated tasks have one id on the wire: the answer to the first is taken for that to the second.',
    edits: [
      {
        within: 'libs/domain',
        search: 'return `delegate:${delegationId}`;',
        replace: 'return `delegate:${delegationId.slice(0, 1)}`;',
      },
    ],
    caughtBy: unit(`${RUNNING}/team-delegations.spec.ts`),
  },
  {
    name: 'delegation-is-sent-again',
    breaks: 'A task whose permit went to an earlier worker is given to the teammate a second time.',
    edits: [
      {
        within: 'libs/orchestrator',
        search: 'if (isOurs) await sessions.startTurn(',
        replace: 'if (isOurs !== null) await sessions.startTurn(',
      },
    ],
    caughtBy: unit(`${RUNNING}/team-delegations.spec.ts`),
  },
  {
    name: 'long-line-is-held',
    breaks: 'A line without an end takes the memory of the worker that reads it.',
    edits: [
      {
        within: 'libs/domain',
        search: 'this.pendingBytes + end - from > this.longestLineBytes',
        replace: 'this.pendingBytes + end - from > Infinity',
      },
    ],
    caughtBy: unit('libs/domain/runs/agent-output.spec.ts'),
  },
  {
    name: 'batch-is-parsed',
    breaks: 'A line of a million messages stops the worker, and all of its runs.',
    edits: [
      {
        within: 'libs/protocol-acp',
        search: "if (check.is === 'beyond') return",
        replace: "if (check.is === 'beyond' && text === '') return",
      },
    ],
    caughtBy: unit('libs/protocol-acp/acp-conversation.spec.ts'),
  },
  {
    name: 'adopter-counts-messages-anew',
    breaks: 'A run may have as many messages again after each adoption.',
    edits: [
      {
        within: 'libs/orchestrator',
        search: 'new RunOutput(deps.options, run.messageCount,',
        replace: 'new RunOutput(deps.options, 0 * run.messageCount,',
      },
    ],
    caughtBy: unit(`${RUNNING}/output-limits.spec.ts`),
  },
  {
    name: 'teardown-error-is-swallowed',
    breaks: 'What the engine could not remove is not looked at: the run is finished, and its container stands (I8).',
    edits: [
      {
        within: 'libs/orchestrator',
        search: 'if (left.length > 0) return leftover(removed, left);',
        replace: 'if (left.length < 0) return leftover(removed, left);',
      },
    ],
    caughtBy: unit(HOLDER),
  },
  {
    name: 'unreachable-engine-counts-as-clean',
    breaks: 'A teardown during which the engine did not answer is taken for a clean one (I8).',
    edits: [
      {
        within: 'libs/orchestrator',
        search: 'return unanswered(errorMessage(error), error instanceof Error ? error : new Error(String(error)));',
        replace: "return { kind: 'clean', removed: { containers: 0, networks: 0, volumes: 0 } };",
      },
    ],
    caughtBy: unit(`${RUNNING}/run-driver.spec.ts`),
  },
  {
    name: 'worker-never-lets-go',
    breaks: 'A worker that cannot renew its leases goes on beside the one that takes its runs over.',
    edits: [
      {
        within: 'libs/orchestrator',
        search: 'if (nowMs - held.renewedAtMs >= this.leaseMs * ABANDON_AFTER) {',
        replace: 'if (nowMs - held.renewedAtMs >= Infinity) {',
      },
    ],
    caughtBy: unit(HOLDER),
  },
  {
    name: 'hanging-step-keeps-the-run',
    breaks: 'A step that never comes back holds its run for as long as its worker lives (I4).',
    edits: [
      {
        within: 'libs/orchestrator',
        search: 'held.driver.stepForMs >= this.deps.options.stepLimitMs)',
        replace: 'held.driver.stepForMs >= Infinity)',
      },
    ],
    caughtBy: unit(`${RUNNING}/step-limit.spec.ts`),
  },
  {
    name: 'abandoned-run-is-renewed',
    breaks: 'A worker that abandoned a run renews its lease all the same while a last call of it hangs (I4).',
    edits: [
      {
        within: 'libs/orchestrator',
        search: 'if (this.held.get(runId) !== held) return;\n    this.held.delete(runId);',
        replace: 'if (this.held.get(runId) !== held) return;',
      },
    ],
    caughtBy: unit(`${RUNNING}/step-limit.spec.ts`),
  },
  {
    name: 'renewal-that-hangs-is-waited-for',
    breaks: 'A worker whose renewal never comes back takes up no run any more (I4, I15).',
    edits: [
      {
        within: 'libs/orchestrator',
        search: 'if (!(await isSettledWithin(clock, limitMs, work()))) onOverdue(limitMs);',
        replace: 'if (!(await isSettledWithin(clock, Infinity * limitMs, work()))) onOverdue(limitMs);',
      },
    ],
    caughtBy: unit(`${RUNNING}/step-limit.spec.ts`),
  },
  {
    name: 'abandoned-by-the-wall-clock',
    breaks: 'A run is abandoned by a clock that may be set back.',
    edits: [
      {
        within: 'libs/orchestrator',
        search: 'abandonStale(): void {\n    const nowMs = this.deps.clock.monotonicMs();',
        replace: 'abandonStale(): void {\n    const nowMs = this.deps.clock.now().getTime() - 9e12;',
      },
    ],
    caughtBy: unit(HOLDER),
  },
  {
    name: 'adoption-stores-everything-again',
    breaks:
      'A worker that adopts a run stores the output from its first line, not from the cursor: all is doubled (I14).',
    edits: [
      {
        within: 'libs/orchestrator',
        search: 'const isReplayed = line.index < stored[line.stream];',
        replace: 'const isReplayed = line.index < 0 * stored[line.stream];',
      },
    ],
    caughtBy: unit(HOLDER),
  },
  {
    name: 'cursor-runs-ahead-of-the-messages',
    breaks: 'The cursor counts a line whose message is still in memory: a crash there loses it (I14).',
    edits: [
      {
        within: 'libs/orchestrator',
        search: 'while (!this.isClosed && (this.batch || this.hasNews)) {',
        replace: 'while (!this.isClosed && (this.batch || this.buffer.length > 1)) {',
      },
    ],
    caughtBy: unit(HOLDER),
  },
  {
    name: 'cancel-is-forgotten-by-an-older-row',
    breaks:
      'A cancel that came by signal while the prompt was being confirmed is overwritten by the row read before it.',
    edits: [
      {
        within: 'libs/orchestrator',
        search: 'return run.cancelRequestedAt ? run : { ...run, cancelRequestedAt, cancelCode };',
        replace: 'return run.cancelRequestedAt || cancelCode || cancelRequestedAt ? run : run;',
      },
    ],
    caughtBy: unit(`${RUNNING}/run-driver.spec.ts`),
  },
  {
    name: 'reaper-trusts-an-unreadable-database',
    breaks: 'While Postgres cannot be read, every run looks unknown, and the reaper removes them all (I13).',
    edits: [
      {
        within: 'libs/orchestrator',
        search: 'store.lookUp(found.map(({ runId }) => runId))',
        replace:
          'store.lookUp(found.map(({ runId }) => runId)).catch(() => new Map<string, { isFinished: boolean }>())',
      },
    ],
    caughtBy: unit('libs/orchestrator/reaping'),
  },
  {
    name: 'reaper-takes-what-is-just-made',
    breaks: 'The reaper removes what was made a moment ago for a run that its look at the database did not show yet.',
    edits: [
      {
        within: 'libs/orchestrator',
        search: 'resources.youngestAgeMs > UNKNOWN_GRACE_MS',
        replace: 'resources.youngestAgeMs >= 0',
      },
    ],
    caughtBy: unit('libs/orchestrator/reaping'),
  },
  {
    name: 'sweeper-does-not-offer-again',
    breaks: 'A queued run whose wake-up Redis lost waits for ever.',
    edits: [
      {
        within: 'libs/orchestrator',
        search: 'if (runIds.length > 0) await this.deps.queue.offerRuns(runIds);',
        replace: 'if (runIds.length < 0) await this.deps.queue.offerRuns(runIds);',
      },
    ],
    caughtBy: unit('libs/orchestrator/firing/firing.spec.ts'),
  },
  {
    name: 'outcome-before-the-last-words',
    breaks: 'The outcome is committed before what the agents said last is stored, which is then forgotten (I14).',
    edits: [
      {
        within: 'libs/orchestrator',
        inside: 'conclude',
        search: 'await held.team.flush();',
        replace: 'void held.team;',
      },
    ],
    caughtBy: unit(`${RUNNING}/run-driver.spec.ts`),
  },
];
