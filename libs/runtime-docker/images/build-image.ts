import { Readable } from 'node:stream';
import { AppError } from '@crewtab/domain/errors';
import { effect } from '@crewtab/domain/failpoint';
import type { ImageBuild, RegistryCredentials } from '@crewtab/domain/ports/image-sources';
import type { DeployOptions } from '@crewtab/domain/ports/runtime';
import { makeTar } from '../agents/containers';
import type { EngineClient } from '../engine/engine-client';
import { followProgress, type ProgressMessage } from './follow-progress';

/** On images that were built of a preset: its name. */
export const PRESET_LABEL = 'crewtab.preset';
/** A step such as the installation of packages may say nothing for long, ms. */
const SILENCE_LIMIT_MS = 10 * 60_000;
const ATTEMPTS = 2;
/** Of the build's output, in the words of its failure. */
const SHOWN_LINES = 15;
const SHOWN_CHARS = 1_500;

/**
 * Builds the image of a preset on the engine, and tells each step. A build that failed is tried once more, since most of
 * them fetch from servers that may be away for a moment. @throws AppError `image_build_failed` with the end of its output
 */
export async function buildImage(
  engine: EngineClient,
  build: ImageBuild,
  credentials: Readonly<Record<string, RegistryCredentials>>,
  options: DeployOptions,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const output = new BuildOutput();
    try {
      return await buildOnce(engine, build, credentials, output, options);
    } catch (error) {
      const isOver = options.signal.aborted || (error instanceof AppError && error.retryable);
      if (isOver) throw error;
      const words = error instanceof Error ? error.message : String(error);
      if (attempt === ATTEMPTS)
        throw new AppError('image_build_failed', `${build.image}: ${words}\n${output.end()}`.trim(), { cause: error });
      options.onProgress(`building ${build.image} failed (${words}); trying once more`);
    }
  }
}

async function buildOnce(
  engine: EngineClient,
  { preset, image, files, buildArgs }: ImageBuild,
  credentials: Readonly<Record<string, RegistryCredentials>>,
  output: BuildOutput,
  { signal, onProgress }: DeployOptions,
): Promise<void> {
  const context = await makeTar(
    files.map(({ path, content }) => ({ path, mode: 0o644, uid: 0, gid: 0, content: Buffer.from(content) })),
  );
  const settings = {
    t: image,
    buildargs: buildArgs,
    labels: { [PRESET_LABEL]: preset },
    rm: true,
    forcerm: true,
    ...(Object.keys(credentials).length > 0 && { registryconfig: { ...credentials } }),
  };
  await followProgress({
    what: `build ${image}`,
    signal,
    failedCode: 'image_build_failed',
    silenceLimitMs: SILENCE_LIMIT_MS,
    call: (abortSignal) =>
      effect('docker.image.build', () =>
        engine.docker.buildImage(Readable.from([context]), { ...settings, abortSignal }),
      ),
    onMessage: (message) => {
      const step = output.add(message);
      if (step !== null) onProgress(`building ${image}: ${step}`);
    },
  });
}

/** What a build said: its steps for the conversation, its end for a failure. */
class BuildOutput {
  private lines: string[] = [];

  /** @returns the step that begins with it, or null */
  add({ stream }: ProgressMessage): string | null {
    if (stream === undefined) return null;
    const lines = stream.split('\n').filter((line) => line.trim() !== '');
    this.lines = [...this.lines, ...lines].slice(-SHOWN_LINES);
    return lines.find((line) => /^Step \d+\/\d+ : /.test(line))?.slice(0, 200) ?? null;
  }

  end(): string {
    return this.lines.join('\n').slice(-SHOWN_CHARS);
  }
}
