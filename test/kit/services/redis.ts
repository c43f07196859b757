import { randomBytes } from 'node:crypto';
import Redis from 'ioredis';

/** A part of the test run's Redis that one test file has for itself. */
export interface TestRedis {
  readonly url: string;
  /** For BullMQ's `prefix`: every key of this test begins with it. */
  readonly prefix: string;
  /** Removes the keys of this test. */
  remove(): Promise<void>;
}

/**
 * Never flush this Redis or kill it, other test files use it at the same time: `startOwnRedis` is for that.
 */
export function createTestRedis(): TestRedis {
  const url = process.env.TEST_REDIS_URL;
  if (url === undefined || url === '') {
    throw new Error('TEST_REDIS_URL is not set: run this test in the project "integration" or "e2e"');
  }
  const prefix = `test-${randomBytes(6).toString('hex')}`;
  return { url, prefix, remove: () => removeKeys(url, prefix) };
}

async function removeKeys(url: string, prefix: string): Promise<void> {
  const redis = new Redis(url);
  try {
    const pages: AsyncIterable<string[]> = redis.scanStream({ match: `${prefix}*`, count: 1_000 });
    for await (const keys of pages) if (keys.length > 0) await redis.unlink(...keys);
  } finally {
    redis.disconnect();
  }
}
