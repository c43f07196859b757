import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { pack, type Pack } from 'tar-stream';
import type { RedisProgram } from '@crewtab/local-services/redis-download';
import { findRedisProgram } from '@crewtab/local-services/redis-program';
import type { Images } from '@crewtab/runtime-docker/images/images';
import { REDIS_CACHE } from './test-services';

const run = promisify(execFile);
const LIBRARY_FOLDER = '/usr/lib/redis';

/**
 * Makes an image out of this machine's own redis-server and its libraries, for engines that reach no registry. Nothing
 * is done where the engine has the same content already.
 * @returns the image's reference.
 */
export async function makeRedisImage(images: Images): Promise<string> {
  const program = await findRedisProgram(REDIS_CACHE, process.env, () => undefined);
  if (program === null) throw new Error('no redis-server on this machine to make an image of');
  const files = await filesOf(program);
  const digest = createHash('sha256').update(files.map(({ path }) => path).join());
  for (const { source } of files) digest.update(await readFile(source));
  const image = `crewtab/test-redis:${digest.digest('hex').slice(0, 12)}`;
  if ((await images.find(image)) === null) {
    await images.import(writeTar(files), image, [
      `ENV LD_LIBRARY_PATH=${LIBRARY_FOLDER}`,
      'WORKDIR /data',
      'CMD ["redis-server"]',
    ]);
  }
  return image;
}

interface ImageFile {
  readonly path: string;
  readonly source: string;
}

/** The program and what `ldd` names: `libm.so.6 => /lib/…/libm.so.6 (0x…)`, and the loader by its full path alone. */
async function filesOf({ file, libraryPath }: RedisProgram): Promise<ImageFile[]> {
  const env = libraryPath === null ? process.env : { ...process.env, LD_LIBRARY_PATH: libraryPath };
  const { stdout } = await run('ldd', [file], { env });
  const libraries = [...stdout.matchAll(/=>\s*(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
  const loaders = [...stdout.matchAll(/^\s*(\/\S+) \(0x/gm)].map((match) => match[1] ?? '');
  return [
    { path: '/usr/bin/redis-server', source: await realpath(file) },
    ...libraries.map((source) => ({ path: `${LIBRARY_FOLDER}/${basename(source)}`, source })),
    ...loaders.map((source) => ({ path: source, source })),
  ];
}

function writeTar(files: readonly ImageFile[]): Readable {
  const tar = pack();
  fillTar(tar, files).catch((error: unknown) => tar.destroy(error instanceof Error ? error : new Error(String(error))));
  return Readable.from(tar);
}

async function fillTar(tar: Pack, files: readonly ImageFile[]): Promise<void> {
  for (const folder of ['data', 'dev', 'etc', 'proc', 'sys', 'tmp']) {
    tar.entry({ name: folder, type: 'directory', mode: folder === 'tmp' ? 0o1777 : 0o755 });
  }
  for (const { path, source } of files) {
    const { size } = await stat(source);
    await pipeline(createReadStream(source), tar.entry({ name: path.slice(1), mode: 0o755, size }));
  }
  tar.finalize();
}
