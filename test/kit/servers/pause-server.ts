import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * SIGSTOP to a server and its children: Postgres has a process for each connection.
 * @returns continues all of them; idempotent
 */
export async function pauseServer(pid: number): Promise<() => void> {
  signalQuietly(pid, 'SIGSTOP');
  // It makes no more of them now.
  const children = await childrenOf(pid);
  for (const child of children) signalQuietly(child, 'SIGSTOP');
  let isOver = false;
  return () => {
    if (isOver) return;
    isOver = true;
    for (const each of [...children, pid]) signalQuietly(each, 'SIGCONT');
  };
}

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=']);
  const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  return rows.flatMap(([child, parent]) => (parent === pid && child !== undefined ? [child] : []));
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It has just ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
