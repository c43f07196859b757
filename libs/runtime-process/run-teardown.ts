import { setTimeout as pause } from 'node:timers/promises';
import { AppError } from '@crewtab/domain/errors';
import type { Leftover, TeardownReport } from '@crewtab/domain/ports/runtime';
import { RUN_MARK } from './agent-starter';
import { AgentState } from './agent-state';
import {
  findByEnvironment,
  isRunning,
  listProcesses,
  membersOf,
  signalGroup,
  signalIfThere,
  type ProcessIdentity,
  type ProcessRow,
} from './process-table';
import type { RunFolders } from './run-folders';

/** After SIGKILL a process is gone as soon as the kernel gets to it; one that waits for a broken disk never is, ms. */
const KILL_LIMIT_MS = 5_000;
const LOOK_EVERY_MS = 10;

const NOTHING = {};

/**
 * Ends and removes a run. Processes first, and their directories only when they are gone: the directory is what finds
 * them again. Idempotent; what resists is reported and can be tried again.
 */
export async function tearDownRun(
  folders: RunFolders,
  installationId: string,
  runId: string,
  graceMs: number,
): Promise<TeardownReport> {
  const label = await folders.readLabel(runId);
  // Without a label the run's id must do: an agent may have spoiled or removed it, with or without its folder.
  if (label && label.installationId !== installationId) return { removed: NOTHING, left: [] };
  const wasThere = await folders.hasAnything(runId);
  const agents = await folders.listAgents(runId);
  const survivors = await endProcesses(folders, runId, agents, graceMs);
  if (survivors.length > 0) return { removed: NOTHING, left: survivors.map(processLeft) };
  const left = await removeFolders(folders, installationId, runId);
  if (left) return { removed: NOTHING, left: [left] };
  return { removed: wasThere ? { process: agents.length, directory: 1 } : NOTHING, left: [] };
}

/** Ends the run's processes and leaves its directory. See `Runtime.stop`. */
export async function stopRun(
  folders: RunFolders,
  installationId: string,
  runId: string,
  graceMs: number,
): Promise<void> {
  const label = await folders.readLabel(runId);
  if (label && label.installationId !== installationId) return;
  const [survivor] = await endProcesses(folders, runId, await folders.listAgents(runId), graceMs);
  if (survivor) throw new AppError('engine_error', `pid ${survivor.pid} still runs after SIGKILL`, { retryable: true });
}

async function endProcesses(
  folders: RunFolders,
  runId: string,
  agents: readonly string[],
  graceMs: number,
): Promise<ProcessRow[]> {
  const states = agents.map((agent) => new AgentState(folders.agentDir(runId, agent)));
  await Promise.all(states.map((state) => endAgent(state, graceMs)));
  return endStragglers(states, runId);
}

/** SIGTERM, grace, SIGKILL to the agent's group; then its supervisor, which normally ends by itself. */
export async function endAgent(state: AgentState, graceMs: number): Promise<void> {
  let agent = await state.agent();
  const supervisor = await state.supervisor();
  if (!agent && supervisor) {
    // It is just about to start the agent, or has this moment.
    await kill(supervisor);
    agent = await state.agent();
  }
  if (agent && graceMs > 0 && (await isRunning(agent))) {
    signalGroup(agent, await listProcesses(), 'SIGTERM');
    await untilEnded(agent, graceMs);
  }
  if (agent && (await isRunning(agent))) {
    signalIfThere(-agent.pid, 'SIGKILL');
    await untilEnded(agent, KILL_LIMIT_MS);
  }
  if (supervisor && !(await untilEnded(supervisor, KILL_LIMIT_MS))) await kill(supervisor);
}

/**
 * What is left: members of a group whose leader (and supervisor) ended before them, and processes that left their
 * group but bear the run's mark.
 */
async function endStragglers(states: readonly AgentState[], runId: string): Promise<ProcessRow[]> {
  const leaders = (await Promise.all(states.map((state) => state.agent()))).filter((leader) => leader !== null);
  const supervisors = (await Promise.all(states.map((state) => state.supervisor()))).filter(
    (supervisor) => supervisor !== null,
  );
  for (const giveUpAt = Date.now() + KILL_LIMIT_MS; ;) {
    const processes = await listProcesses();
    const stragglers = [
      ...leaders.flatMap((leader) => membersOf(leader, processes)),
      ...processes.filter((row) =>
        supervisors.some(({ pid, startedAt }) => row.pid === pid && row.startedAt === startedAt),
      ),
      ...(await findByEnvironment(RUN_MARK, runId)),
    ];
    if (stragglers.length === 0 || Date.now() >= giveUpAt) return stragglers;
    for (const { pid } of stragglers) signalIfThere(pid, 'SIGKILL');
    await pause(LOOK_EVERY_MS);
  }
}

async function kill(identity: ProcessIdentity): Promise<void> {
  if (!(await isRunning(identity))) return;
  signalIfThere(identity.pid, 'SIGKILL');
  await untilEnded(identity, KILL_LIMIT_MS);
}

/** @returns false if it still runs after `limitMs` */
async function untilEnded(identity: ProcessIdentity, limitMs: number): Promise<boolean> {
  for (const giveUpAt = Date.now() + limitMs; await isRunning(identity); await pause(LOOK_EVERY_MS)) {
    if (Date.now() >= giveUpAt) return false;
  }
  return true;
}

async function removeFolders(folders: RunFolders, installationId: string, runId: string): Promise<Leftover | null> {
  const path = folders.runDir(runId);
  try {
    await folders.removeRun(installationId, runId);
  } catch (error) {
    return { kind: 'directory', name: path, reason: (error as Error).message };
  }
  return (await folders.hasAnything(runId))
    ? { kind: 'directory', name: path, reason: 'it is still there after it was removed' }
    : null;
}

function processLeft({ pid }: ProcessRow): Leftover {
  return { kind: 'process', name: `pid ${pid}`, reason: 'it still runs after SIGKILL' };
}
