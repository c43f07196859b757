import type { Evidence, Fault, RunRow } from '../evidence';
import { Findings, type CheckResult } from '../findings';
import { isDisturbed } from '../undisturbed-time';

/** Directives of the demo agent (images/demo-agent/README.md) after which a run is not healthy. */
const ASKS_FOR_TROUBLE =
  /^\s*(crash|abort|exit|kill-self|eat-memory|refuse|max-tokens|max-requests|error|hang|flood|shell|line)\b/m;
/** How long it asks the agent to work; also in a task that is delegated. */
const ASKS_TO_WORK = /\bwork\s+(\d+(?:\.\d+)?)(ms|s|m)\b/g;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };
/** A fault of the engine, or of a worker's connections to it, if only of one. */
const OF_THE_ENGINE = /docker/;
/** Such a fault that lasts: what is small must be got over. */
const BREAKS_THE_ENGINE = /^(dockerd-|(cut|slow|half-open) .*docker)/;
/**
 * What becomes of a plain program (`command`) when the one attachment that the engine allows breaks, also before a byte has
 * left: the engine closes its input, it has seen an empty prompt, and to start it again could do its work twice.
 */
const ENDS_PROGRAMS = 'prompt_failed';
/** What comes of an engine that a fault really broke while the run needed it. */
const BROKEN_ENGINE: ReadonlySet<string> = new Set([
  'create_failed',
  'start_failed',
  'image_not_found',
  'image_pull_failed',
  'engine_unreachable',
  'engine_error',
  'teardown_failed',
  'handshake_timeout',
  'prompt_failed',
]);

/**
 * I13: a run whose prompt asks for nothing bad is not `failed` (or `timeout` without any fault in its time) unless a
 * fault hit it: its own container, or the engine that it needed at that moment. What no worker can know
 * (`delivery_unconfirmed`, where another worker took the run over or the engine was harmed) and what a plain program cannot
 * survive (its input cut off with a connection to the engine) are admitted by design and counted in a warning, so that a
 * flood of them is seen. A healthy run that a long fault made miss its deadline cannot be
 * told from a slow one and is not judged.
 */
export function checkRecoveryHarmsNoRun(evidence: Evidence): CheckResult {
  const findings = new Findings();
  const admitted = new Map<string, number>();
  for (const run of evidence.tables.runs) {
    if (run.startedAt === null || ASKS_FOR_TROUBLE.test(run.prompt)) continue;
    findings.count();
    if (run.errorCode !== null && isAdmitted(run, evidence))
      admitted.set(run.errorCode, (admitted.get(run.errorCode) ?? 0) + 1);
    else if (isUnexplained(run, evidence))
      findings.violate(
        `run ${run.id}`,
        `a healthy run ended as ${run.status} (${run.errorCode}: ${run.errorMessage}), and no fault hit it`,
        run.finishedAt,
      );
  }
  for (const [code, runs] of admitted) findings.warn(`${runs} healthy runs ended as ${code}, which the design admits`);
  return findings.result();
}

function isAdmitted(run: RunRow, evidence: Evidence): boolean {
  const code = run.errorCode ?? '';
  if (code === 'delivery_unconfirmed') return run.epoch > 1 || isHitBy(OF_THE_ENGINE, run, evidence);
  const isProgram = run.agents.some(({ role, protocol }) => role === 'leader' && protocol === 'command');
  return code === ENDS_PROGRAMS && isProgram && isHitBy(OF_THE_ENGINE, run, evidence);
}

/** A fault of that kind was on while the run was. */
function isHitBy(kinds: RegExp, { startedAt, finishedAt }: RunRow, { faults }: Evidence): boolean {
  return faults.some(
    ({ at, endedAt, kind, target }) =>
      kinds.test(`${kind} ${target}`) && endedAt >= (startedAt ?? Infinity) && at <= (finishedAt ?? Infinity),
  );
}

function isUnexplained(run: RunRow, evidence: Evidence): boolean {
  const { faults, tables } = evidence;
  const from = run.startedAt ?? run.queuedAt;
  const to = run.finishedAt ?? Infinity;
  if (run.status === 'timeout') return !asksForTooLong(run) && !isDisturbed(faults, from, to);
  if (run.status !== 'failed') return false;
  const name = tables.deployments.find(({ runId }) => runId === run.id)?.name ?? run.id;
  if (faults.some((fault) => fault.at <= to && names(fault, [run.id, name]))) return false;
  return !(BROKEN_ENGINE.has(run.errorCode ?? '') && isHitBy(BREAKS_THE_ENGINE, run, evidence));
}

/** More work than there is time until the deadline. */
function asksForTooLong({ prompt, startedAt, deadlineAt }: RunRow): boolean {
  const asked = [...prompt.matchAll(ASKS_TO_WORK)];
  const workMs = asked.reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNIT_MS[unit ?? ''] ?? 0), 0);
  return workMs >= (deadlineAt ?? Infinity) - (startedAt ?? 0);
}

function names({ target, detail }: Fault, words: readonly string[]): boolean {
  return words.some((word) => target.includes(word) || detail.includes(word));
}
