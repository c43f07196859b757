import { readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

const PROJECT = resolve(__dirname, '../../..');

/**
 * Everything that a scheduler or a worker runs. Not among it: what starts Postgres, Redis and the demo for `npm start`
 * (launcher, local-services), the fakes (testing), and programs that run inside agents' containers (images).
 */
const FOLDERS = [
  'apps/scheduler/src',
  'apps/worker/src',
  'libs/config',
  'libs/domain',
  'libs/engine',
  'libs/failpoints',
  'libs/observability',
  'libs/protocol-acp',
  'libs/protocol-command',
  'libs/queue-bullmq',
  'libs/runtime-docker',
  'libs/runtime-process',
  'libs/store-prisma',
  'libs/team-desk',
];

/** Specs, and what only specs use beside them. */
const TEST_ONLY = /(\/sse-client\.ts|\.spec\.ts|\.spec-[^/]+\.ts|\/spec-support\.ts|-fixture\.ts)$/;

/** Absolute paths of the product's sources. */
export function productSources(): string[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(PROJECT, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.startsWith('generated/') && !TEST_ONLY.test(`/${path}`))
      .map((path) => join(PROJECT, folder, path)),
  ).sort();
}

/** As it is written in messages: from the project's root, with forward slashes. */
export function projectPath(path: string): string {
  return relative(PROJECT, path).replaceAll('\\', '/');
}
