import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { commandFor, environmentFor, needsBuild, type Mutant } from './mutant';

/** A layer that needs longer hangs, ms. */
const LIMIT_MS = 240_000;
const LAST_LINES = 200;

export type LayerVerdict =
  | { readonly kind: 'passed' }
  /** A test failed: the fault was noticed. */
  | { readonly kind: 'failed'; readonly test: string }
  /** Nothing was tested: it did not load, did not build, or did not end. That proves nothing. */
  | { readonly kind: 'broken'; readonly words: string };

interface JestReport {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** Runs the layer of a mutant in `folder`, which holds the project with or without the mutant. */
export async function runLayer(folder: string, mutant: Mutant): Promise<LayerVerdict> {
  if (needsBuild(mutant)) {
    const built = await runNode(folder, ['scripts/build.mjs']);
    if (built.code !== 0) return { kind: 'broken', words: `it does not build:\n${built.output}` };
  }
  if (mutant.caughtBy.layer === 'simulator') return toSimulatorVerdict(await runNode(folder, commandFor(mutant)));
  const report = join(folder, 'mutant-report.json');
  await rm(report, { force: true });
  const args = [...commandFor(mutant), '--json', '--outputFile', report];
  const { output } = await runNode(folder, args, environmentFor(mutant));
  return toJestVerdict(await readFile(report, 'utf8').catch(() => null), output);
}

/** The simulator names the invariant that a history breaks. Anything else that ends it is a fault of its own. */
export function toSimulatorVerdict({ code, output }: { code: number | null; output: string }): LayerVerdict {
  const broken = /^BROKEN (I\d+ .*)$/m.exec(output)?.[1];
  if (broken !== undefined) return { kind: 'failed', test: broken };
  return code === 0 ? { kind: 'passed' } : { kind: 'broken', words: output };
}

export function toJestVerdict(report: string | null, output: string): LayerVerdict {
  if (report === null) return { kind: 'broken', words: `no report; the last it said:\n${output}` };
  const { testResults, numPassedTests } = JSON.parse(report) as JestReport;
  const failed = testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'failed'),
  );
  const [first] = failed;
  if (first) return { kind: 'failed', test: first.fullName };
  const unloadable = testResults.find(({ assertionResults, message }) => assertionResults.length === 0 && message);
  if (unloadable) return { kind: 'broken', words: unloadable.message };
  if (numPassedTests === 0) return { kind: 'broken', words: 'no test was run' };
  return { kind: 'passed' };
}

/** @returns the exit code, and the last lines of what it printed. A process that hangs is ended with its children. */
function runNode(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    const end = (): void => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    };
    const timer = setTimeout(end, LIMIT_MS);
    process.once('exit', end);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      process.off('exit', end);
      const lines = Buffer.concat(chunks).toString('utf8').trimEnd().split('\n');
      resolve({ code, output: lines.slice(-LAST_LINES).join('\n') });
    });
  });
}
