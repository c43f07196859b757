import { spawn } from 'node:child_process';
import { projectFolder } from './project.mjs';

const STILL_RUNNING_MS = 10_000;

/**
 * Runs a command with its output kept back, and says every ten seconds that it still runs.
 * @returns its exit code (null when a signal ended it) and everything it printed.
 * @throws when the command cannot be started at all.
 */
export function runQuietly(command, args, { env = {}, log, what }) {
  return new Promise((resolve, reject) => {
    const startedAt = Date.now();
    const child = spawn(command, args, {
      cwd: projectFolder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32' && command === 'npm',
    });
    const progress = setInterval(() => {
      log(`${what}: still at it after ${Math.round((Date.now() - startedAt) / 1000)} s`);
    }, STILL_RUNNING_MS);
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => {
      clearInterval(progress);
      reject(error);
    });
    child.on('close', (code) => {
      clearInterval(progress);
      resolve({ code, output: Buffer.concat(chunks).toString('utf8') });
    });
  });
}
