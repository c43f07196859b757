import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { settingsFrom } from '@crewtab/runtime-docker/docker-options';
import { EngineClient } from '@crewtab/runtime-docker/engine/engine-client';
import { Images } from '@crewtab/runtime-docker/images/images';
import { dockerHost } from '../../kit/services/docker';
import { oncePerRun } from '../../kit/services/once-per-run';
import { agentBase } from './agent-base';

const run = promisify(execFile);
const PRESETS = resolve('images/presets');

/**
 * The image of a preset, built of its Dockerfile where the engine does not have it. It stays there, under a tag
 * that follows from all that it is built of.
 */
export function agentImage(program: string): Promise<string> {
  return oncePerRun(`agent-${program}`, () => withImages((images) => ensureImage(images, program)));
}

async function ensureImage(images: Images, program: string): Promise<string> {
  const folder = join(PRESETS, program);
  const { buildArgs } = await agentBase(images);
  const digest = createHash('sha256').update(JSON.stringify(buildArgs));
  const files = (await readdir(folder)).filter((file) => file !== 'preset.json').sort();
  for (const file of files) digest.update(file).update(await readFile(join(folder, file)));
  const image = `crewtab-test/${program}:${digest.digest('hex').slice(0, 12)}`;
  if ((await images.find(image)) !== null) return image;
  const args = Object.entries(buildArgs).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
  // The network of this machine: a registry may be reached in a way of its own.
  await run('docker', ['build', '--network', 'host', '--tag', image, ...args, folder], {
    env: { ...process.env, DOCKER_HOST: dockerHost() },
    maxBuffer: 1e8,
  });
  return image;
}

export async function withImages<T>(use: (images: Images) => Promise<T>, engineHost = dockerHost()): Promise<T> {
  const engine = new EngineClient(engineHost, settingsFrom({ dockerHost: engineHost }));
  try {
    return await use(new Images(engine));
  } finally {
    engine.close();
  }
}
