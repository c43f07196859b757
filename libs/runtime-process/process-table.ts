import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { effect } from '@crewtab/domain/failpoint';

const run = promisify(execFile);
const PS_TIMEOUT_MS = 5_000;
const isLinux = process.platform === 'linux';

/** A process that can be found again after any time: the pid alone may belong to another one by then. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Boot id and start tick on Linux, the start time as `ps` prints it elsewhere. */
  readonly startedAt: string;
}

export interface ProcessRow extends ProcessIdentity {
  readonly groupId: number;
}

/** True while exactly this process runs. A zombie has ended. */
export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  const row = isLinux ? await linuxRow(identity.pid) : ((await psRows(['-p', String(identity.pid)]))[0] ?? null);
  return row?.startedAt === identity.startedAt;
}

/** Every process of this machine that still runs. */
export async function listProcesses(): Promise<ProcessRow[]> {
  if (!isLinux) return psRows(['-A']);
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0);
  const rows = await Promise.all(pids.map(linuxRow));
  return rows.filter((row) => row !== null);
}

/**
 * What is left of the group that `leader` was started as the leader of. Nothing, if its number was given to another
 * process since: the kernel does that only once the group is empty.
 */
export function membersOf(leader: ProcessIdentity, processes: readonly ProcessRow[]): ProcessRow[] {
  const namesake = processes.find((row) => row.pid === leader.pid);
  if (namesake && namesake.startedAt !== leader.startedAt) return [];
  if (bootOf(leader) !== currentBoot()) return [];
  return processes.filter((row) => row.groupId === leader.pid);
}

/** Signals a whole group, if any of it is left. */
export function signalGroup(leader: ProcessIdentity, processes: readonly ProcessRow[], signal: NodeJS.Signals): void {
  if (membersOf(leader, processes).length > 0) signalIfThere(-leader.pid, signal);
}

/** Signals a process or (negative) a group; it may have ended meanwhile. */
export function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    effect('process.signal', () => process.kill(pid, signal));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // EPERM is what macOS says of a group of zombies; one that lives on is found by the verification.
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

/**
 * Processes that were started with `name=value` in their environment: those that left their process group too. Linux
 * only, and only those whose environment this user may read; elsewhere none.
 */
export async function findByEnvironment(name: string, value: string): Promise<ProcessRow[]> {
  if (!isLinux) return [];
  const wanted = `${name}=${value}`;
  const processes = await listProcesses();
  const environments = await Promise.all(
    processes.map(({ pid }) => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')),
  );
  return processes.filter((_, at) => environments[at]?.split('\0').includes(wanted));
}

async function linuxRow(pid: number): Promise<ProcessRow | null> {
  // A process may end between two reads: then there is no row.
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (stat === null) return null;
  // The name in parentheses may hold spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, , groupId] = fields;
  if (state === 'Z' || state === 'X') return null;
  return { pid, groupId: Number(groupId), startedAt: `${currentBoot()}:${fields[19]}` };
}

/** `ps` answers with exit code 1 where there is no such process. */
async function psRows(selection: readonly string[]): Promise<ProcessRow[]> {
  const { stdout } = await run('ps', ['-o', 'pid=,pgid=,stat=,lstart=', ...selection], {
    timeout: PS_TIMEOUT_MS,
  }).catch((error: NodeJS.ErrnoException & { stdout?: string }) => {
    if (typeof error.code === 'number') return { stdout: error.stdout ?? '' };
    throw error;
  });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, groupId, state, startedAt] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line) ?? [];
    if (!startedAt || state?.startsWith('Z')) return [];
    return [{ pid: Number(pid), groupId: Number(groupId), startedAt }];
  });
}

let boot: string | null = null;

function currentBoot(): string {
  boot ??= isLinux ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() : '';
  return boot;
}

function bootOf({ startedAt }: ProcessIdentity): string {
  return isLinux ? startedAt.slice(0, startedAt.indexOf(':')) : '';
}
