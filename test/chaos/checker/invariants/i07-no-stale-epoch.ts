import type { Evidence, Tables } from '../evidence';
import { Findings, type CheckResult } from '../findings';
import { groupBy } from '../group-by';

const PHASES = [
  'queued',
  'deploying',
  'prompting',
  'monitoring',
  'verifying',
  'collecting',
  'tearing_down',
  'finished',
];

/**
 * I7 as far as rows keep an epoch: permits and delegations carry the epoch that wrote them, which can never be above the
 * run's own; a conversation holds the prompt as often as there are permits; a finished run has no owner; and in the
 * trail of a run's changes epoch and phase never go back. Most of I7 leaves no trace: a stale write that was accepted
 * looks like any other. The simulator and the store's contract suite see those.
 */
export function checkNoStaleEpoch({ tables }: Evidence): CheckResult {
  const findings = new Findings();
  const runs = new Map(tables.runs.map((run) => [run.id, run]));
  for (const { runId, epoch } of tables.permits) {
    findings.count();
    const current = runs.get(runId)?.epoch ?? 0;
    if (epoch < 1 || epoch > current)
      findings.violate(`run ${runId}`, `its permit has epoch ${epoch}, the run is at ${current}`);
  }
  for (const { runId, id, permitEpoch } of tables.delegations) {
    if (permitEpoch === null) continue;
    findings.count();
    const current = runs.get(runId)?.epoch ?? 0;
    if (permitEpoch > current)
      findings.violate(`run ${runId}`, `delegation ${id} has epoch ${permitEpoch}, the run is at ${current}`);
  }
  const prompts = groupBy(
    tables.messages.filter(({ kind }) => kind === 'prompt'),
    ({ runId }) => runId,
  );
  const permitted = new Set(tables.permits.map(({ runId }) => runId));
  for (const run of tables.runs) {
    findings.count();
    const stored = prompts.get(run.id)?.length ?? 0;
    const expected = permitted.has(run.id) ? 1 : 0;
    if (stored !== expected)
      findings.violate(`run ${run.id}`, `${stored} prompts in its conversation, ${expected} permits`);
    if (run.phase === 'finished' && run.owner !== null)
      findings.violate(`run ${run.id}`, `is finished and still claimed by ${run.owner}`, run.finishedAt);
  }
  checkTrail(tables, findings);
  return findings.result();
}

function checkTrail({ runTrail }: Tables, findings: Findings): void {
  for (const [runId, states] of groupBy(runTrail ?? [], (state) => state.runId)) {
    findings.count();
    for (const [index, state] of states.entries()) {
      const before = states[index - 1];
      if (!before) continue;
      if (state.epoch < before.epoch || PHASES.indexOf(state.phase) < PHASES.indexOf(before.phase))
        findings.violate(
          `run ${runId}`,
          `went from ${before.phase} (epoch ${before.epoch}) to ${state.phase} (epoch ${state.epoch})`,
          state.at,
        );
    }
  }
}
