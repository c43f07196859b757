import { once } from 'node:events';
import { formatDuration } from '@crewtab/domain/durations';
import { AppError } from '@crewtab/domain/errors';
import type { DeploymentSpec, FoundFile, ProgramResult } from '@crewtab/domain/ports/runtime';
import { answeredJson } from '@crewtab/domain/runs/answered-json';
import type { Run } from '@crewtab/domain/runs/run';
import { verificationOf, type Verification, type VerificationCheck } from '@crewtab/domain/runs/verification';
import type { OrchestratorDeps } from './orchestrator-deps';

export type VerifyDeps = Pick<OrchestratorDeps, 'runtime' | 'resultChecker' | 'clock' | 'options'>;

/** A file system may know no more of an instant than its second. */
const INSTANT_PRECISION_MS = 2_000;

/** Its deadline ends a run, not the limit of its command: without a worker the command ends by itself so long after it, ms. */
const AFTER_DEADLINE_MS = 5_000;

type Finding = Pick<VerificationCheck, 'kind' | 'name'> & Partial<VerificationCheck>;

/**
 * Makes every check that the plan asks for, once the run's agents have ended. Repeating it is harmless as far as the command
 * is: it sees what an earlier attempt left in the workspace.
 */
export async function verifyWork(
  deps: VerifyDeps,
  run: Run,
  deployment: DeploymentSpec,
  signal: AbortSignal,
): Promise<Verification> {
  const { files = [], schema, command } = run.plan.verify ?? {};
  const checks: VerificationCheck[] = [];
  for (const path of files) checks.push(await timed(deps, () => checkFile(deps, run, deployment, path)));
  if (schema) checks.push(await timed(deps, () => checkResult(deps, schema, run.unverifiedResult ?? '')));
  if (command) checks.push(await timed(deps, () => runCommand(deps, run, deployment, command, signal)));
  return verificationOf(checks);
}

async function timed({ clock }: VerifyDeps, check: () => Promise<Finding>): Promise<VerificationCheck> {
  const beganAtMs = clock.monotonicMs();
  const { message = null, ...found } = await check();
  const ms = Math.round(clock.monotonicMs() - beganAtMs);
  return { ...found, status: message === null ? 'passed' : 'failed', message, ms };
}

async function checkFile(deps: VerifyDeps, run: Run, deployment: DeploymentSpec, path: string): Promise<Finding> {
  const named = { kind: 'file', name: path } as const;
  const file = await findEntry(deps, deployment, path);
  if (!file) return { ...named, message: 'is not there' };
  if (file.kind !== 'file') return { ...named, message: `is no file but a ${file.kind}` };
  if (file.ageMs === null) return { ...named, message: 'is there, but its host does not tell when it was changed' };
  const changedAtMs = deps.clock.now().getTime() - file.ageMs;
  const isOld = changedAtMs < (run.startedAt?.getTime() ?? 0) - INSTANT_PRECISION_MS;
  if (isOld) return { ...named, message: 'was last changed before the run began' };
  return (await isAsGiven(run, file)) ? { ...named, message: "is as the team's workspace gives it" } : named;
}

/** Such a file is younger than the run, and no work of its agents. */
async function isAsGiven({ plan: { workspace } }: Run, { path, size, content }: FoundFile): Promise<boolean> {
  const text = workspace?.files?.[path];
  if (text === undefined) return false;
  const given = Buffer.from(text, 'utf8');
  if (given.length !== size) return false;
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks).equals(given);
}

async function findEntry({ runtime }: VerifyDeps, spec: DeploymentSpec, path: string): Promise<FoundFile | null> {
  try {
    for await (const entry of runtime.readFiles(spec, path)) return entry;
    return null;
  } catch (error) {
    if (error instanceof AppError && (error.code === 'not_found' || error.code === 'invalid_request')) return null;
    throw error;
  }
}

async function checkResult(
  { resultChecker }: VerifyDeps,
  schema: Readonly<Record<string, unknown>>,
  result: string,
): Promise<Finding> {
  const named = { kind: 'schema', name: 'result' } as const;
  const value = answeredJson(result);
  if (value === undefined) return { ...named, message: 'is no JSON, nor has it a block that is marked as such' };
  const faults = await resultChecker.check(schema, value);
  return faults.length === 0 ? named : { ...named, message: `is not as the schema has it: ${faults.join('; ')}` };
}

async function runCommand(
  { runtime, clock, options }: VerifyDeps,
  run: Run,
  deployment: DeploymentSpec,
  command: readonly string[],
  signal: AbortSignal,
): Promise<Finding> {
  const leader = deployment.agents.find(({ name }) =>
    run.plan.agents.some((agent) => agent.name === name && agent.role === 'leader'),
  );
  const untilDeadlineMs = Math.max(0, deployment.deadlineAt.getTime() - clock.now().getTime());
  const timeLimitMs = Math.min(options.verifyTimeoutMs, untilDeadlineMs + AFTER_DEADLINE_MS);
  const result = await runtime.runProgram(
    deployment,
    {
      name: 'verify',
      image: leader?.image ?? null,
      command,
      env: {},
      resources: leader?.resources ?? {},
      network: { kind: 'none' },
      timeLimitMs,
      outputLimitBytes: options.verifyOutputLimit,
    },
    signal,
  );
  // The run's deadline has ended this command, so it has no verdict: the run is a timeout, even if the store takes it late.
  if (result.end === 'time_limit' && timeLimitMs < options.verifyTimeoutMs) await untilAborted(signal);
  const { output, exitCode } = result;
  return { kind: 'command', name: command.join(' '), output, exitCode, message: describeEnd(result, timeLimitMs) };
}

/** Null where it ended well. */
function describeEnd({ end, exitCode }: ProgramResult, timeLimitMs: number): string | null {
  if (end === 'time_limit') return `did not end within ${formatDuration(timeLimitMs)}`;
  if (end === 'output_limit') return 'wrote more than it may';
  return exitCode === 0 ? null : `ended with exit code ${exitCode}`;
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
