import { readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

const PROJECT = resolve(__dirname, '../../..');

const ROOTS = ['apps', 'libs'];

/** Apps and libs that neither a scheduler nor a worker runs, and what they are instead; whatever else there is, is looked at. */
export const NOT_THE_PRODUCT: Readonly<Record<string, string>> = {
  'apps/web': 'runs in browsers; a scheduler only sends its files',
  'libs/api-client': 'what clients of the API speak: no scheduler and no worker runs it',
  'libs/launcher': 'runs `npm start`: it starts a scheduler and a worker, and is no part of either',
  'libs/local-services':
    'starts the Postgres and Redis of `npm start` and of the tests; a product is given their addresses',
};

/** Specs, and what only specs use beside them. */
const TEST_ONLY = /(\.spec\.ts|\.spec-[^/]+\.ts|\/spec-support\.ts|-fixture\.ts)$/;

/** Every app and lib there is, as `libs/orchestrator`. */
export function allFolders(): string[] {
  return ROOTS.flatMap((root) =>
    readdirSync(join(PROJECT, root), { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [`${root}/${entry.name}`] : [],
    ),
  );
}

/**
 * Absolute paths of everything that a scheduler or a worker runs. Programs that run beside them, in containers (images)
 * or as an agent's supervisor, are not TypeScript of theirs and not among it.
 */
export function productSources(): string[] {
  const folders = allFolders().filter((folder) => !(folder in NOT_THE_PRODUCT));
  return folders
    .flatMap((folder) =>
      readdirSync(join(PROJECT, folder), { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.ts') && !path.startsWith('generated/') && !TEST_ONLY.test(`/${path}`))
        .map((path) => join(PROJECT, folder, path)),
    )
    .sort();
}

/** As it is written in messages: from the project's root, with forward slashes. */
export function projectPath(path: string): string {
  return relative(PROJECT, path).replaceAll('\\', '/');
}
