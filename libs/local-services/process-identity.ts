import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { systemErrorCode } from './service-error';

const run = promisify(execFile);

/**
 * A process that can be found again: a pid alone is given to another process sooner or later, a pid with its start time
 * is not.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** Boot id and start tick on Linux, the start time as `ps` prints it elsewhere. */
  readonly startedAt: string;
}

/** Who `pid` is now, or null when no such process runs. A zombie no longer runs: in a container it may never be reaped. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | null> {
  if (!doesPidExist(pid)) return null;
  const startedAt = process.platform === 'linux' ? await linuxStart(pid) : await psField(pid, 'lstart=');
  return startedAt === null ? null : { pid, startedAt };
}

export async function isStillRunning(identity: ProcessIdentity): Promise<boolean> {
  const now = await identifyProcess(identity.pid);
  return now !== null && now.startedAt === identity.startedAt;
}

/** The command line of a process as one string, or null when it cannot be told. */
export async function commandLineOf(pid: number): Promise<string | null> {
  if (process.platform !== 'linux') return psField(pid, 'args=');
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null);
  return text === null ? null : text.split('\0').join(' ').trim();
}

function doesPidExist(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it exists and belongs to another user.
    return systemErrorCode(error) === 'EPERM';
  }
}

async function linuxStart(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (stat === null) return null;
  // The name in parentheses may itself hold spaces and parentheses; the fields after it start with the state.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTick] = [fields[0], fields[19]];
  if (state === undefined || startTick === undefined || state === 'Z' || state === 'X') return null;
  return `${await bootId()}:${startTick}`;
}

async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => 'boot')).trim();
}

async function psField(pid: number, field: string): Promise<string | null> {
  try {
    const { stdout } = await run('ps', ['-o', field, '-p', String(pid)], { timeout: 5_000 });
    const text = stdout.trim();
    return text === '' ? null : text;
  } catch {
    // ps exits with 1 when there is no such process.
    return null;
  }
}
