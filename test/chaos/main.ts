import { mkdtemp, rm, copyFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EvidenceFolder } from './evidence-folder';
import { HELP, parseOptions, type ChaosOptions } from './options';
import { NoEngine } from '../kit/servers/engine-server';
import { runChaos } from './run-chaos';
import { Shutdown } from '../kit/shutdown';

/** As scripts/test.mjs understands it: there is no engine, so nothing was tested. */
const EXIT_CODE_SKIPPED = 77;

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
  const outcome = await attempt(options, evidence, shutdown);
  const problems = await shutdown.run();
  for (const problem of problems) console.error(`✗ could not be stopped: ${problem}`);
  const exitCode = problems.length > 0 ? 1 : exitCodeOf(outcome);
  if (outcome === 'cannot run' || (exitCode === 0 && !options.isKept)) {
    await rm(folder, { recursive: true, force: true });
  } else {
    console.log(`the evidence is in ${folder}`);
  }
  return exitCode;
}

type Outcome = 'good' | 'bad' | 'cannot run';

function exitCodeOf(outcome: Outcome): number {
  if (outcome === 'good') return 0;
  return outcome === 'cannot run' && process.env.CREWTAB_REQUIRE_DOCKER !== '1' ? EXIT_CODE_SKIPPED : 1;
}

async function attempt(options: ChaosOptions, evidence: EvidenceFolder, shutdown: Shutdown): Promise<Outcome> {
  try {
    return (await runChaos(options, evidence, shutdown)) ? 'good' : 'bad';
  } catch (error) {
    if (error instanceof NoEngine) {
      console.error(`left out: ${error.message}`);
      return 'cannot run';
    }
    console.error('✗ the chaos run could not be carried out:', error);
    // What the agents wrote down belongs to what is kept.
    await copyFile(join(evidence.path, 'record/prompts.jsonl'), join(evidence.path, 'prompts.jsonl')).catch(
      () => undefined,
    );
    return 'bad';
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
      for (const problem of problems) console.error(`✗ could not be stopped: ${problem}`);
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
    console.error('✗ the harness failed:', error);
    end(1);
  });
}
