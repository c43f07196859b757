import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { loadSchedulerConfig } from '@crewtab/config/scheduler-config';
import { describeFormerNames } from '@crewtab/config/read-settings';
import { armAsOrdered } from '@crewtab/failpoints/trap';
import { createLogger } from '@crewtab/observability/pino-logger';
import { runProcess } from '@crewtab/observability/run-process';
import { startScheduler } from './scheduler';

void runProcess('scheduler', async () => {
  const config = loadSchedulerConfig();
  armAsOrdered(config.failpoint);
  const logger = createLogger({ level: config.log.level, name: 'scheduler', isPretty: process.stdout.isTTY });
  for (const sentence of describeFormerNames()) logger.warn({}, sentence);
  return startScheduler(config, readVersion(), logger);
});

function readVersion(): string {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  return version;
}
