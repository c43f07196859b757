import type { Evidence } from '../evidence';
import { Findings, iso, type CheckResult } from '../findings';
import { groupBy } from '../group-by';

/**
 * I5 from prompts.jsonl alone, which the agents write themselves as soon as something reaches them: at most one prompt per
 * run, and at most one copy of a delegated task. Agents without ids on the wire are told apart by their containers. Cannot see a prompt whose agent died before it could write the line, nor
 * say whose a line without run and turn id is; those are counted in a warning.
 */
export function checkOnePromptPerRun({ prompts }: Evidence): CheckResult {
  const findings = new Findings();
  const isTask = (requestId: string | null): boolean => requestId?.startsWith('delegate:') ?? false;
  const turns = groupBy(prompts, ({ requestId, runId, agent }) => {
    if (requestId !== null && isTask(requestId)) return `task ${runId ?? ''} ${requestId}`;
    if (runId === null) return null;
    // Without ids on the wire a teammate's task looks like the run's prompt: each agent for itself.
    return requestId === null ? `run ${runId}, agent ${agent ?? 'unnamed'}` : `run ${runId}`;
  });
  for (const [subject, received] of turns) {
    findings.count();
    if (received.length === 1) continue;
    const times = received.map(({ at, agent }) => `${iso(at)} (${agent ?? 'unnamed'})`).join(', ');
    findings.violate(subject, `reached an agent ${received.length} times: ${times}`, received[1]?.at ?? null);
  }
  const nobodys = prompts.filter(({ requestId, runId }) => runId === null && !isTask(requestId));
  findings.warnOf(nobodys.length, 'recorded prompts name no run: not judged');
  return findings.result();
}
