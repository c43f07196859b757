import { findOnPath } from './find-on-path';
import { downloadRedis, type RedisProgram } from './redis-download';
import type { ProgressLog } from './service-error';

/**
 * `redis-server` or `valkey-server` on the PATH, otherwise the one that Debian's and Ubuntu's packages hold, unpacked
 * into `cacheDir` without installing anything. Null when neither is to be had.
 * @throws LocalServiceError when the packages exist but cannot be fetched.
 */
export async function findRedisProgram(
  cacheDir: string,
  env: NodeJS.ProcessEnv,
  log: ProgressLog,
): Promise<RedisProgram | null> {
  for (const name of ['redis-server', 'valkey-server']) {
    const file = await findOnPath(name, env);
    if (file !== null) return { file, libraryPath: null };
  }
  return downloadRedis(cacheDir, env, log);
}
