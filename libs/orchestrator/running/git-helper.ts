import { AppError } from '@crewtab/domain/errors';
import type { HostRefusal, NetworkNotice } from '@crewtab/domain/ports/egress-proxy';
import type { DeploymentSpec, ProgramResult, ProgramSpec } from '@crewtab/domain/ports/runtime';
import type { Run } from '@crewtab/domain/runs/run';
import { DEFAULT_GIT_USER, hostOf, type GitSource } from '@crewtab/domain/teams/workspace';
import { CREDENTIAL_FILE, gitEnvironment, HELPER_FOLDER, PROGRESS, SCRIPT_FILE } from './fetch-script';
import type { OrchestratorDeps } from './orchestrator-deps';

export type HelperDeps = Pick<OrchestratorDeps, 'runtime' | 'egressProxy' | 'clock' | 'options'>;

/** Of all that the helper writes. */
const OUTPUT_LIMIT_BYTES = 1024 * 1024;
/** Of git's words in a failure: the end. */
const TOLD_CHARACTERS = 1_500;

/** What a helper is to do for one run. */
export interface HelperTask {
  readonly git: GitSource;
  readonly run: Run;
  readonly deployment: DeploymentSpec;
  readonly script: string;
  /** Beside what git is told in all of them. */
  readonly env: Readonly<Record<string, string>>;
  /** `repository`: it has the credential, and reaches the repository's own host. `none`: neither. */
  readonly reach: 'repository' | 'none';
  readonly onProgress?: (text: string) => void;
}

export interface HelperEnd extends ProgramResult {
  /** Git's words, and what the proxy refused; empty where nothing was said. */
  readonly words: string;
}

/**
 * Runs a script of Crewtab's with git in a fresh container that no agent sees, over the run's workspace.
 * @throws AppError `secret_unavailable`, `workspace_failed`, and as `Runtime.runProgram`
 */
export async function runHelper(deps: HelperDeps, task: HelperTask, signal: AbortSignal): Promise<HelperEnd> {
  const { deployment, git, reach } = task;
  if (reach === 'none') {
    const result = await deps.runtime.runProgram(deployment, programOf(deps, task, null, { kind: 'none' }), signal);
    return { ...result, words: wordsOf(result, []) };
  }
  const credential = credentialOf(git, task.run);
  const refusals: string[] = [];
  const session = await openWay(deps, git, deployment.runId, (words) => refusals.push(words));
  try {
    const program = programOf(deps, task, credential, session.endpoint);
    const result = await deps.runtime.runProgram(deployment, program, signal);
    return { ...result, words: wordsOf(result, refusals) };
  } finally {
    session.close();
  }
}

function programOf(
  { clock, options }: HelperDeps,
  { git, run, script, env, onProgress }: HelperTask,
  credential: string | null,
  network: ProgramSpec['network'],
): ProgramSpec {
  const now = clock.now().getTime();
  return {
    name: 'git',
    image: options.gitImage,
    command: ['/bin/sh', SCRIPT_FILE],
    env: { ...gitEnvironment(git.url, credential !== null), ...env },
    resources: {},
    network,
    files: [
      { path: HELPER_FOLDER, content: null },
      { path: SCRIPT_FILE, content: script },
      ...(credential === null ? [] : [{ path: CREDENTIAL_FILE, content: credential }]),
    ],
    ownsWorkspace: true,
    timeLimitMs: Math.max(1_000, (run.deadlineAt?.getTime() ?? now) - now),
    outputLimitBytes: OUTPUT_LIMIT_BYTES,
    onLine: (line) => {
      if (line.startsWith(PROGRESS)) onProgress?.(line.slice(PROGRESS.length));
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

/** The helper reaches the repository's own host, and nothing else. */
async function openWay(
  { egressProxy }: HelperDeps,
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

function wordsOf({ end, output }: ProgramResult, refusals: readonly string[]): string {
  const said = output
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith(PROGRESS))
    .join('\n')
    .slice(-TOLD_CHARACTERS);
  const limits = { exited: '', time_limit: "the run's time was over; ", output_limit: 'git wrote too much; ' };
  return `${limits[end]}${[...refusals, said].filter((part) => part !== '').join('\n')}`.trim();
}
