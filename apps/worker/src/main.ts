import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { loadWorkerConfig } from '@crewtab/config/worker-config';
import { armAsOrdered } from '@crewtab/failpoints/trap';
import { createLogger } from '@crewtab/observability/pino-logger';
import { runProcess } from '@crewtab/observability/run-process';
import { openWorkplace } from './open-workplace';
import { startWorker } from './worker';

void runProcess('worker', async () => {
  const config = loadWorkerConfig();
  armAsOrdered(config.failpoint);
  const logger = createLogger({ level: config.log.level, name: 'worker', isPretty: process.stdout.isTTY });
  return startWorker(config, await openWorkplace(config, logger), logger, readVersion());
});

function readVersion(): string {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  return version;
}
