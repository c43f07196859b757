import { execFile } from 'node:child_process';
import type { Turn } from './turn';

/** Runs a command with /bin/sh in the workspace, and answers with its output and exit code. */
export async function runShell(turn: Turn, command: string): Promise<void> {
  const text = await turn.useTool({ title: command, kind: 'execute', input: { command } }, () =>
    execute(turn, command),
  );
  await turn.answer(text);
}

function execute(turn: Turn, command: string): Promise<string> {
  const { workspace, signal } = turn.context;
  return new Promise((resolve) => {
    execFile('/bin/sh', ['-c', command], { cwd: workspace, signal }, (error, stdout, stderr) => {
      resolve(`${stdout}${stderr}exit code: ${error ? (error.code ?? error.message) : 0}`);
    });
  });
}
