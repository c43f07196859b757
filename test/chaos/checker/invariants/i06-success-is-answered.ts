import { saidByLeader } from '../conversation';
import type { Evidence, RunRow } from '../evidence';
import { Findings, type CheckResult } from '../findings';
import { groupBy } from '../group-by';

/** Prompts of the workload that make an agent write more than a worker reads. */
const GOES_BEYOND_A_LIMIT = /^(line 17MB|shell .*\/fd\/1\b.*)$/m;

/**
 * I6: for every `success`, the agent itself recorded the prompt (prompts.jsonl), the permit was confirmed, and the
 * conversation holds what the leader said, the stored result being the end of it. No check can tell whether the text
 * is a good answer. A run whose agent went beyond a limit of its output is none.
 */
export function checkSuccessIsAnswered({ prompts, tables }: Evidence): CheckResult {
  const findings = new Findings();
  const prompted = new Set(prompts.map(({ runId }) => runId));
  const sent = new Set(tables.permits.filter(({ sentAt }) => sentAt !== null).map(({ runId }) => runId));
  const messages = groupBy(tables.messages, ({ runId }) => runId);
  const hasHostnames = prompts.some(({ hostname }) => hostname !== null);
  let unnamed = 0;
  for (const run of tables.runs.filter(({ status }) => status === 'success')) {
    findings.count();
    const fail = (facts: string): void => findings.violate(`run ${run.id}`, `success, but ${facts}`, run.finishedAt);
    if (GOES_BEYOND_A_LIMIT.test(run.prompt)) fail('its agent went beyond a limit of its output');
    if (!sent.has(run.id)) fail('its permit was never confirmed as sent');
    if (!prompted.has(run.id)) {
      if (canNameItsRun(run) || hasHostnames) fail('no agent recorded its prompt');
      else unnamed++;
    }
    const said = saidByLeader(run, messages.get(run.id) ?? []);
    if (run.result === null) fail('no result is stored');
    else if (!squeeze(said).endsWith(squeeze(run.result))) fail('its result is not in the stored conversation');
  }
  findings.warnOf(unnamed, 'successful runs have leaders that cannot name their run in the record: not judged');
  return findings.result();
}

/** Over ACP the turn's id names the run; the `command` protocol has no ids, but the container that wrote the line has. */
function canNameItsRun(run: RunRow): boolean {
  return run.agents.some(({ role, protocol }) => role === 'leader' && protocol === 'acp');
}

function squeeze(text: string): string {
  return text.replace(/\s+/g, '');
}
