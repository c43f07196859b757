import { AppError } from '@crewtab/domain/errors';
import type { HostRefusal, NetworkNotice } from '@crewtab/domain/ports/egress-proxy';
import type { DeployOptions, DeploymentSpec, ProgramResult, ProgramSpec } from '@crewtab/domain/ports/runtime';
import type { Run } from '@crewtab/domain/runs/run';
import { DEFAULT_GIT_USER, hostOf, type GitSource } from '@crewtab/domain/teams/workspace';
import {
  CREDENTIAL_FILE,
  FETCH_SCRIPT,
  FETCHED_MARK,
  gitEnvironment,
  HELPER_FOLDER,
  PROGRESS,
  SCRIPT_FILE,
} from './fetch-script';
import type { OrchestratorDeps } from './orchestrator-deps';

export type FetchDeps = Pick<OrchestratorDeps, 'runtime' | 'egressProxy' | 'clock' | 'options'>;

/** Of all that the helper writes. */
const OUTPUT_LIMIT_BYTES = 1024 * 1024;
/** Of git's words in a failure: the end. */
const TOLD_CHARACTERS = 1_500;
/** What is fetched is older than any run, so that no check takes it for work. */
const DAY_MS = 24 * 3_600_000;

/**
 * Fetches the repository into the run's workspace, by a helper that no agent sees; does nothing where an earlier attempt has finished.
 * One that was cut off, by a worker's death for one, is removed with its container, and begun anew.
 * @throws AppError `workspace_failed` in git's words, `secret_unavailable`
 */
export async function fetchRepository(
  deps: FetchDeps,
  git: GitSource,
  run: Run,
  deployment: DeploymentSpec,
  options: DeployOptions,
): Promise<void> {
  const { runtime } = deps;
  if (await isFetched(deps, deployment)) return;
  const credential = credentialOf(git, run);
  // Another worker's helper may still be at it: two would write into one workspace.
  await runtime.stop(deployment.installationId, deployment.runId, { graceMs: 0, epoch: deployment.epoch });
  const refusals: string[] = [];
  const session = await openWay(deps, git, deployment.runId, (words) => refusals.push(words));
  try {
    const program = helperProgram(deps, git, run, credential, options.onProgress);
    const result = await runtime.runProgram(deployment, { ...program, network: session.endpoint }, options.signal);
    if (result.end !== 'exited' || result.exitCode !== 0) throw failureOf(git, result, refusals);
  } finally {
    session.close();
  }
}

function helperProgram(
  { clock, options }: FetchDeps,
  git: GitSource,
  { deadlineAt, startedAt }: Run,
  credential: string | null,
  onProgress: (text: string) => void,
): Omit<ProgramSpec, 'network'> {
  const now = clock.now().getTime();
  return {
    name: 'git',
    image: options.gitImage,
    command: ['/bin/sh', SCRIPT_FILE],
    env: {
      ...gitEnvironment(git.url, credential !== null),
      CREWTAB_URL: git.url,
      CREWTAB_REF: git.ref ?? '',
      CREWTAB_DEPTH: git.depth === undefined ? '' : String(git.depth),
      CREWTAB_OLD: String(Math.floor(((startedAt?.getTime() ?? now) - DAY_MS) / 1_000)),
    },
    resources: {},
    files: [
      { path: HELPER_FOLDER, content: null },
      { path: SCRIPT_FILE, content: FETCH_SCRIPT },
      ...(credential === null ? [] : [{ path: CREDENTIAL_FILE, content: credential }]),
    ],
    ownsWorkspace: true,
    timeLimitMs: Math.max(1_000, (deadlineAt?.getTime() ?? now) - now),
    outputLimitBytes: OUTPUT_LIMIT_BYTES,
    onLine: (line) => {
      if (line.startsWith(PROGRESS)) onProgress(line.slice(PROGRESS.length));
    },
  };
}

/** As git reads it from its helper; null where none is asked for. */
function credentialOf({ secret, username = DEFAULT_GIT_USER }: GitSource, { plan }: Run): string | null {
  if (secret === undefined) return null;
  const value = plan.secrets?.[secret]?.trim();
  if (value === undefined)
    throw new AppError('secret_unavailable', `workspace: no secret "${secret}" could be opened when the run began`);
  if (/[\r\n\0]/.test(value))
    throw new AppError('workspace_failed', `the secret "${secret}" has more than one line: git takes one`);
  return `username=${username}\npassword=${value}\n`;
}

async function isFetched({ runtime }: FetchDeps, deployment: DeploymentSpec): Promise<boolean> {
  try {
    for await (const { kind } of runtime.readFiles(deployment, FETCHED_MARK)) return kind === 'file';
    return false;
  } catch (error) {
    if (error instanceof AppError && (error.code === 'not_found' || error.code === 'invalid_request')) return false;
    throw error;
  }
}

/** The helper reaches the repository's own host, and nothing else. */
async function openWay(
  { egressProxy }: FetchDeps,
  { url }: GitSource,
  runId: string,
  onRefused: (words: string) => void,
) {
  if (egressProxy === null) throw new AppError('workspace_failed', 'this worker has no egress proxy for the helper');
  return egressProxy.openAside(runId, [hostOf(url)], (notice: NetworkNotice) => {
    if (notice.kind === 'refused') onRefused(`${notice.host}:${notice.port} ${REFUSED[notice.reason]}`);
  });
}

const REFUSED: Readonly<Record<HostRefusal, string>> = {
  not_listed: "is not the repository's host",
  not_public: 'has no public address (NETWORK_ALLOWED_CIDRS)',
  unresolved: 'has no address',
};

function failureOf({ url }: GitSource, { end, output }: ProgramResult, refusals: readonly string[]): AppError {
  const said = output
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith(PROGRESS))
    .join('\n')
    .slice(-TOLD_CHARACTERS);
  const limits = { exited: '', time_limit: "the run's time was over; ", output_limit: 'git wrote too much; ' };
  const words = [...refusals, said].filter((part) => part !== '').join('\n');
  return new AppError('workspace_failed', `${url} could not be fetched: ${limits[end]}${words}`.trim());
}
