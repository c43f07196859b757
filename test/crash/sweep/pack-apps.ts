import { dirname, join, resolve } from 'node:path';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { build, type Plugin } from 'esbuild';
import type { App } from '../../kit/installation';

const BUILT = resolve(__dirname, '../../../dist');
const PACKED = join(BUILT, 'packed');
const STARTER = join(__dirname, 'start-packed.cjs');
/** What packages ask for only where it is installed, and what looks for files beside its own. */
const LEFT_OUTSIDE = [
  '@fastify/*',
  '@nestjs/microservices',
  '@nestjs/platform-socket.io',
  '@nestjs/websockets',
  '@prisma/client/runtime/query_compiler*',
  '*.node',
  'class-transformer',
  'class-validator',
  'cpu-features',
];

export type PackedApps = Readonly<Record<App, string>>;

/** ES modules of packages ask for their own address. */
const BANNER = 'const addressOfThisFile = require("node:url").pathToFileURL(__filename).href;';

let packed: Promise<PackedApps> | null = null;

/**
 * Each built app in one file, once for all, and started by a program that has V8 keep what it compiled. The sweep starts
 * hundreds of them, and more than half of a start is to find, read and compile a thousand files.
 */
export function packApps(): Promise<PackedApps> {
  packed ??= pack();
  return packed;
}

async function pack(): Promise<PackedApps> {
  const starterOf = (app: App): string => join(PACKED, `${app}.js`);
  await rm(PACKED, { recursive: true, force: true });
  await Promise.all(
    (['scheduler', 'worker'] as const).map(async (app) => {
      const program = join(PACKED, `${app}.packed.js`);
      await build({
        entryPoints: [join(BUILT, `apps/${app}/src/main.js`)],
        outfile: program,
        bundle: true,
        platform: 'node',
        target: 'node20',
        minifyWhitespace: true,
        external: LEFT_OUTSIDE,
        banner: { js: BANNER },
        define: { 'import.meta.url': 'addressOfThisFile' },
        plugins: [KEEP_FOLDERS],
        logLevel: 'error',
      });
      await writeFile(starterOf(app), `require(${JSON.stringify(STARTER)})(${JSON.stringify(program)});\n`);
    }),
  );
  return { scheduler: starterOf('scheduler'), worker: starterOf('worker') };
}

/** Our own modules find migrations and programs from where they were built. */
const KEEP_FOLDERS: Plugin = {
  name: 'keep-folders',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]dist[\\/](apps|libs|images)[\\/].*\.js$/ }, async ({ path }) => {
      if (!path.startsWith(BUILT)) return null;
      const source = await readFile(path, 'utf8');
      return { contents: source.replaceAll(/\b__dirname\b/g, JSON.stringify(dirname(path))) };
    });
  },
};
