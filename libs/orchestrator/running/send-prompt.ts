import { toFailure, type Failure } from '@crewtab/domain/errors';
import { promptTurnId } from '@crewtab/domain/runs/decide';
import type { OrchestratorDeps } from './orchestrator-deps';
import type { HeldRun } from './held-run';

/**
 * Takes the one-shot permit, then writes the prompt in the background (an agent that does not read must not keep the
 * run from its deadline). A crash after the permit leaves it to the next worker to look for proof of delivery.
 */
export async function sendPrompt(deps: OrchestratorDeps, held: HeldRun): Promise<void> {
  const { run, claim, team } = held;
  await team.settleSaves();
  const at = deps.clock.now();
  const leader = run.plan.agents.find((agent) => agent.role === 'leader');
  if (!leader) throw new Error('the plan has no leader');
  const isOurs = await deps.store.permitPrompt(claim, {
    agent: leader.name,
    kind: 'prompt',
    content: { text: run.plan.prompt },
    at,
  });
  held.run = { ...held.run, phase: 'prompting', prompt: { state: 'permitted', permittedAt: at } };
  if (team.promptWrite.status !== 'idle') return;
  if (!isOurs) {
    team.promptWrite = { status: 'not_ours', evidenceUntil: new Date(at.getTime() + deps.options.evidenceMs) };
    return;
  }
  team.promptWrite = { status: 'writing' };
  team
    .startTurn(leader.name, { id: promptTurnId(run.id), text: run.plan.prompt })
    .then(
      () => (team.promptWrite = { status: 'written' }),
      (error: unknown) => (team.promptWrite = { status: 'failed', failure: notSent(error) }),
    )
    .finally(() => held.wake());
}

/** Whatever kept the prompt from being written, it is not tried again: a part of it may have arrived. */
function notSent(error: unknown): Failure {
  const { message } = toFailure(error, 'prompt_failed');
  return { code: 'prompt_failed', message: `the prompt could not be sent: ${message}` };
}
