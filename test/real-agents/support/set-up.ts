// Jest maps no names for a set-up.
import '../../support/typescript-hook.cjs';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import globalSetup from '../../support/global-setup';
import { agentBase } from './agent-base';
import { withImages } from './agent-image';

const run = promisify(execFile);

/** As the other projects, and finds out whether real agents can be had here: `describeWithAgents` skips them if not. */
export default async function setUpRealAgents(): Promise<void> {
  await globalSetup();
  const reason = await whyNot();
  process.env.CREWTAB_TEST_AGENTS = reason === null ? 'there' : '';
  if (reason !== null) process.stderr.write(`Tests with real agents are skipped: ${reason}\n`);
}

/** Null where an engine and npm answer, and there is something to build upon. */
async function whyNot(): Promise<string | null> {
  const dockerHost = process.env.CREWTAB_TEST_DOCKER_HOST ?? '';
  if (dockerHost === '') return 'no Docker engine answers';
  try {
    await run('docker', ['--version']);
    await run('npm', ['view', 'node', 'version'], { timeout: 30_000 });
    await withImages((images) => agentBase(images), dockerHost);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
