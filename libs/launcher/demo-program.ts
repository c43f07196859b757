import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { buildRootfsTar, DEMO_AGENT_COMMAND, DEMO_IMAGE_NAME } from '../../images/build/build-demo-image';
import { compileAgent } from '../../images/build/compile-agent';
import { LocalServiceError, type ProgressLog } from '../local-services/service-error';
import { DockerRuntime } from '../runtime-docker/docker-runtime';
import type { DemoAgentProgram } from './demo';
import type { Terminal } from './terminal';

/** Where the compiled project lies beside its sources: dist/libs/launcher. */
const PROJECT_DIR = join(__dirname, '../../..');

/** The demo agent as a child process of this machine. */
export async function demoCommand(): Promise<DemoAgentProgram> {
  const { demoAgent } = await compileAgent();
  return { command: [process.execPath, demoAgent] };
}

/**
 * The demo agent's image on the engine: made of this machine's own Node under Linux, which needs no registry, else
 * built from its Dockerfile. Does nothing when the engine has it already.
 */
export async function demoImage(
  dockerHost: string,
  env: NodeJS.ProcessEnv,
  terminal: Terminal,
): Promise<DemoAgentProgram> {
  const command = [...DEMO_AGENT_COMMAND];
  if (process.platform !== 'linux') return { image: await buildFromDockerfile(dockerHost, env, terminal), command };
  return { image: await importDemoImage(dockerHost, (line) => terminal.step(line)), command };
}

/** Puts an image of this machine's own Node on the engine that does not have it already. @returns its reference. */
export async function importDemoImage(dockerHost: string, log: ProgressLog): Promise<string> {
  const image = await buildRootfsTar();
  const { reference, changes } = image;
  const runtime = new DockerRuntime({ dockerHost });
  try {
    if (!(await runtime.hasImage(reference))) {
      log(`making the demo image ${reference} from this machine's Node (about 100 MB, no registry needed)`);
      await runtime.importImage(image.openTar(), reference, changes);
    }
    return reference;
  } finally {
    await runtime.close();
  }
}

async function buildFromDockerfile(dockerHost: string, env: NodeJS.ProcessEnv, terminal: Terminal): Promise<string> {
  const image = `${DEMO_IMAGE_NAME}:local`;
  terminal.step(`building the demo image ${image} with docker build`);
  const args = ['build', '--quiet', '--file', 'images/demo-agent/Dockerfile', '--tag', image, '.'];
  const child = spawn('docker', args, {
    cwd: PROJECT_DIR,
    env: { ...env, DOCKER_HOST: dockerHost },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => (words += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => {
    child.on('error', () => resolve(null));
    child.on('close', resolve);
  });
  if (code === 0) return image;
  throw new LocalServiceError(
    `the demo image could not be built: ${words.trim().split('\n').at(-1) ?? 'the docker command is missing'}`,
    'install the docker command and check that it reaches a registry, or start with CREWTAB_RUNTIME=process',
  );
}
