import { mkdtemp, rm, copyFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { EvidenceFolder } from './evidence-folder';
import { HELP, parseOptions, type ChaosOptions } from './options';
import { runChaos } from './run-chaos';
import { Shutdown } from './shutdown';

const PROJECT = resolve(__dirname, '../..');

/** Called by scripts/chaos.mjs. @returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const options = parse(args);
  if (options === null) return 1;
  if (options.isHelp) {
    console.log(HELP);
    return 0;
  }
  const shutdown = new Shutdown();
  endInOrder(shutdown);
  const folder = await mkdtemp(join(tmpdir(), `crewtab-chaos-${options.seed}-`));
  const evidence = new EvidenceFolder(folder);
  const isGood = await attempt(options, evidence, shutdown);
  const problems = await shutdown.run();
  for (const problem of problems) console.error(`could not be stopped: ${problem}`);
  if (isGood && problems.length === 0 && !options.isKept) {
    await rm(folder, { recursive: true, force: true });
    return 0;
  }
  console.log(`the evidence is in ${folder}`);
  return isGood && problems.length === 0 ? 0 : 1;
}

async function attempt(options: ChaosOptions, evidence: EvidenceFolder, shutdown: Shutdown): Promise<boolean> {
  try {
    return await runChaos({ ...options, projectDir: PROJECT }, evidence, shutdown);
  } catch (error) {
    console.error('the chaos run could not be carried out:', error);
    return false;
  } finally {
    await copyFile(join(evidence.path, 'record/prompts.jsonl'), join(evidence.path, 'prompts.jsonl')).catch(
      () => undefined,
    );
  }
}

function parse(args: readonly string[]): ChaosOptions | null {
  try {
    return parseOptions(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    return null;
  }
}

/** Neither Ctrl-C nor a mistake of this program leaves a process, container, mount or network. */
function endInOrder(shutdown: Shutdown): void {
  const end = (exitCode: number): void => {
    void shutdown.run().then((problems) => {
      for (const problem of problems) console.error(`could not be stopped: ${problem}`);
      process.exit(exitCode);
    });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      console.error('stopping');
      end(130);
    });
  }
  process.on('uncaughtException', (error) => {
    console.error('the harness failed:', error);
    end(1);
  });
}
