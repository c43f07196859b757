import { inOrder, saidByLeader } from '../conversation';
import type { Evidence, MessageRow, RunRow } from '../evidence';
import { Findings, type CheckResult } from '../findings';
import { groupBy } from '../group-by';

/** `stream N [every T] [TEXT]`: what the demo agent numbers. */
const STREAM = /^\s*stream (\d+)(?: every \S+)?(?: (.+?))?\s*$/;

/**
 * I14 from messages: seq counts from 1 to the run's lastSeq without a hole, and where the prompt made the leader number
 * its lines (`stream`), the stored text holds them in order, none missing and none twice: all of them for a success, the
 * first ones for a run that was cut short. Text that is not numbered could lose a part without this check seeing it.
 */
export function checkWholeConversation({ tables }: Evidence): CheckResult {
  const findings = new Findings();
  const byRun = groupBy(tables.messages, ({ runId }) => runId);
  for (const run of tables.runs) {
    const messages = inOrder(byRun.get(run.id) ?? []);
    if (messages.length === 0 && run.lastSeq === 0) continue;
    findings.count();
    const wrong = findGap(run, messages) ?? findWrongLine(run, messages);
    if (wrong) findings.violate(`run ${run.id}`, wrong, run.finishedAt);
  }
  return findings.result();
}

function findGap(run: RunRow, messages: readonly MessageRow[]): string | null {
  const wrong = messages.findIndex(({ seq }, index) => seq !== index + 1);
  if (wrong >= 0) return `message ${wrong + 1} of the conversation has seq ${messages[wrong]?.seq}`;
  if (messages.length !== run.lastSeq) return `${messages.length} messages are stored, lastSeq is ${run.lastSeq}`;
  return null;
}

function findWrongLine(run: RunRow, messages: readonly MessageRow[]): string | null {
  const expected = numberedLines(run.prompt);
  const isNumbered = new Set(expected.map(withoutNumber));
  const said = saidByLeader(run, messages);
  const stored = said.split('\n').filter((line) => /\d$/.test(line) && isNumbered.has(withoutNumber(line)));
  const wrong = stored.findIndex((line, index) => line !== expected[index]);
  if (wrong >= 0) return `numbered line ${wrong + 1} is "${stored[wrong]}" instead of "${expected[wrong] ?? 'none'}"`;
  if (run.status === 'success' && stored.length < expected.length)
    return `only ${stored.length} of ${expected.length} numbered lines are stored`;
  return null;
}

function numberedLines(prompt: string): string[] {
  return prompt.split('\n').flatMap((line) => {
    const [, count, text = 'chunk'] = STREAM.exec(line) ?? [];
    return Array.from({ length: Number(count ?? 0) }, (_, index) => `${text} ${index + 1}`);
  });
}

function withoutNumber(line: string): string {
  return line.replace(/\d+$/, '');
}
