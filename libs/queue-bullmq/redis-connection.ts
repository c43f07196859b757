import type { ConnectionOptions } from 'bullmq';

/**
 * For workers: a blocking command waits for as long as it takes, and reconnects for ever.
 * Source: https://docs.bullmq.io/guide/connections (maxRetriesPerRequest must be null for workers).
 */
export function workerConnection(redisUrl: string): ConnectionOptions {
  return { ...baseOptions(redisUrl), maxRetriesPerRequest: null };
}

/**
 * For producers: a Redis that is away must be an error within seconds, not a request that hangs; the sweeper wakes
 * again what could not be offered.
 */
export function producerConnection(redisUrl: string): ConnectionOptions {
  return { ...baseOptions(redisUrl), maxRetriesPerRequest: 1, enableOfflineQueue: false, commandTimeout: 5_000 };
}

function baseOptions(redisUrl: string): {
  url: string;
  connectTimeout: number;
  retryStrategy: (attempt: number) => number;
} {
  return {
    url: redisUrl,
    connectTimeout: 5_000,
    retryStrategy: (attempt) => Math.min(100 * 2 ** Math.min(attempt, 5), 2_000),
  };
}
