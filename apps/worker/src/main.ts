import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { loadWorkerConfig } from '@crewtab/config/worker-config';
import { describeFormerNames } from '@crewtab/config/read-settings';
import { armAsOrdered } from '@crewtab/failpoints/trap';
import { createLogger } from '@crewtab/observability/pino-logger';
import { runProcess } from '@crewtab/observability/run-process';
import { openHost } from './open-host';
import { startWorker } from './worker';

void runProcess('worker', async () => {
  const config = loadWorkerConfig();
  armAsOrdered(config.failpoint);
  const logger = createLogger({ level: config.log.level, name: 'worker', isPretty: process.stdout.isTTY });
  for (const sentence of describeFormerNames()) logger.warn({}, sentence);
  return startWorker(config, await openHost(config, logger), logger, readVersion());
});

function readVersion(): string {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  return version;
}
