import { randomBytes } from 'node:crypto';
// Jest maps no names for a set-up.
import './typescript-hook.cjs';
import { findDockerEngine } from '../../libs/launcher/docker-engine';
import { LocalServiceError } from '../../libs/local-services/service-error';
import { startTestServices, type TestServices } from '../kit/services/test-services';

declare global {
  /** Handed from the set-up to the teardown, which run in the same process. */
  var crewtabTestServices: TestServices | undefined;
}

/**
 * Runs once before the integration and e2e tests: one Postgres and one Redis for all of them, unless
 * TEST_DATABASE_URL / TEST_REDIS_URL name others. Workers inherit what is put into the environment here.
 */
export default async function globalSetup(): Promise<void> {
  process.env.CREWTAB_TEST_RUN ??= randomBytes(6).toString('hex');
  await settleDocker();
  try {
    const services = await startTestServices({
      databaseUrl: process.env.TEST_DATABASE_URL,
      redisUrl: process.env.TEST_REDIS_URL,
    });
    globalThis.crewtabTestServices = services;
    process.env.TEST_DATABASE_URL = services.databaseUrl;
    process.env.TEST_REDIS_URL = services.redisUrl;
    process.env.CREWTAB_TEST_FOLDER = services.folder;
  } catch (error) {
    if (error instanceof LocalServiceError) throw new Error(`${error.message}. ${error.hint}`, { cause: error });
    throw error;
  }
}

/** Empty CREWTAB_TEST_DOCKER_HOST: the Docker tests are skipped, and Jest counts them as skipped. */
async function settleDocker(): Promise<void> {
  const engine = await findDockerEngine(process.env);
  if (!engine.isReachable && process.env.CREWTAB_REQUIRE_DOCKER === '1') {
    throw new Error(`CREWTAB_REQUIRE_DOCKER=1 and no Docker engine answers. ${engine.reason}`);
  }
  process.env.CREWTAB_TEST_DOCKER_HOST = engine.isReachable ? engine.dockerHost : '';
  if (!engine.isReachable) process.stderr.write(`Docker tests are skipped: ${engine.reason}\n`);
}
