import { deploymentName } from '@crewtab/domain/runs/deployment-name';
import type { Run } from '@crewtab/domain/runs/run';
import type { OrchestratorDeps } from './orchestrator-deps';
import type { HeldRun } from './held-run';

/** Starts the run's clock and writes down what will be made, before anything is made. */
export async function beginRun(deps: OrchestratorDeps, held: HeldRun): Promise<Run> {
  const { plan, id } = held.run;
  const run = await deps.store.begin(held.claim, {
    name: deploymentName(plan.teamName, id, 6),
    fallbackName: deploymentName(plan.teamName, id, 12),
    // As the worker found it at its start: asking the engine again would only make every run wait for it.
    host: held.host,
    runtime: deps.runtime.kind,
  });
  const lagMs = run.startedAt ? run.startedAt.getTime() - run.scheduledFor.getTime() : null;
  held.logger.info({ deployment: run.deployment?.name, deadlineAt: run.deadlineAt, lagMs }, 'run begun');
  return run;
}
