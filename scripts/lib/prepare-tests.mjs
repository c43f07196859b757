import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ensureInstalled } from './ensure-installed.mjs';
import { projectFolder, SetupError } from './project.mjs';

/**
 * Brings the dependencies, and says at once, not after ten minutes of tests, that an engine which was asked for is missing.
 * @param {import('./stage-runner.mjs').StageRunner} runner is told what went wrong
 * @returns {Promise<boolean>} whether tests can begin
 */
export async function prepareTests(runner) {
  try {
    await ensureInstalled({ log: (line) => console.log(line) });
    await requireEngine();
    return true;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    runner.addFailure('Preparation', error.message);
    return false;
  }
}

/** Where the compiled search for an engine is not there yet, the first suite that needs an engine says so. */
async function requireEngine() {
  const search = join(projectFolder, 'dist/libs/launcher/docker-engine.js');
  if (process.env.CREWTAB_REQUIRE_DOCKER !== '1' || !existsSync(search)) return;
  const { findDockerEngine } = createRequire(import.meta.url)(search);
  const engine = await findDockerEngine(process.env);
  if (!engine.isReachable)
    throw new SetupError(`CREWTAB_REQUIRE_DOCKER=1, and no Docker engine answers: ${engine.reason}`);
}
