import { spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import { projectFolder } from './project.mjs';

const KILL_AFTER_MS = 10_000;
const hasProcessGroups = process.platform !== 'win32';

/** The scripts that run now. */
const running = new Set();
let isEnding = false;

/**
 * Runs a script of package.json in a process group of its own.
 * @param {string} script
 * @param {{ args?: string[], env?: Record<string, string>, output: import('./stage-output.mjs').StageOutput,
 *   isStdoutShown?: boolean, niceness?: number, limitMs: number }} options a script that takes longer than limitMs is ended
 * @returns {Promise<number | null>} its exit code; null when a signal ended it
 */
export function runScript(script, { args = [], env = {}, output, isStdoutShown = true, niceness = 0, limitMs }) {
  const npm = process.env.npm_execpath;
  const [command, first] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  const options = ['run', '--silent', script, ...(args.length > 0 ? ['--', ...args] : [])];
  // This process ends as soon as the others have: nothing that begins now would be ended with them.
  if (isEnding) return new Promise(() => undefined);
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...first, ...options], {
      cwd: projectFolder,
      env: { ...process.env, ...env },
      stdio: ['ignore', isStdoutShown ? 'pipe' : 'ignore', 'pipe'],
      shell: process.platform === 'win32' && command === 'npm',
      detached: hasProcessGroups,
    });
    if (niceness !== 0 && child.pid) setPriority(child.pid, niceness);
    output.watch(child);
    const limit = setTimeout(() => {
      console.error(`${script} did not end within ${Math.round(limitMs / 60_000)} minutes: stopping it`);
      signalGroup(child, 'SIGTERM');
      setTimeout(() => signalGroup(child, 'SIGKILL'), KILL_AFTER_MS).unref();
    }, limitMs);
    running.add(child);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(limit);
      running.delete(child);
      resolve(code);
    });
  });
}

/** Ctrl-C and SIGTERM end the scripts that run, with all that they started, and then this process. */
export function endScriptsOnSignals() {
  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ]) {
    process.once(signal, () => {
      isEnding = true;
      const ended = [...running].map((child) => new Promise((resolve) => child.once('close', resolve)));
      for (const child of running) signalGroup(child, 'SIGTERM');
      void Promise.all(ended).then(() => process.exit(exitCode));
      setTimeout(() => process.exit(exitCode), KILL_AFTER_MS).unref();
    });
  }
}

/** npm passes signals on to its shell only: a script is a process group, so that all of it hears. */
function signalGroup(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  if (!hasProcessGroups) return void child.kill(signal);
  process.kill(-child.pid, signal);
  // The crash sweep and chaos stop processes: a stopped one would hear a signal only when it goes on.
  if (signal === 'SIGTERM') process.kill(-child.pid, 'SIGCONT');
}
