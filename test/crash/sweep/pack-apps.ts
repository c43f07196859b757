import { dirname, join, resolve } from 'node:path';
import { readFile } from 'node:fs/promises';
import { build, type Plugin } from 'esbuild';

const BUILT = resolve(__dirname, '../../../dist');
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

export type App = 'scheduler' | 'worker';
export type PackedApps = Readonly<Record<App, string>>;

const BANNER = [
  // ES modules of packages ask for their own address.
  'const addressOfThisFile = require("node:url").pathToFileURL(__filename).href;',
  // Prisma's query compiler is WebAssembly, and a process that soon dies has nothing from code that V8 optimizes beside
  // its start: a third of the processor time of a scheduler's. Another V8 may not know this, and then ignores it.
  'require("node:v8").setFlagsFromString("--wasm-tiering-budget=2000000000");',
].join('\n');

let packed: Promise<PackedApps> | null = null;

/**
 * Each built app in one file, once for all. The sweep starts hundreds of them, and more than half of a start is to find
 * and read a thousand files.
 */
export function packApps(): Promise<PackedApps> {
  packed ??= pack();
  return packed;
}

async function pack(): Promise<PackedApps> {
  const programOf = (app: App): string => join(BUILT, `packed/${app}.js`);
  await Promise.all(
    (['scheduler', 'worker'] as const).map((app) =>
      build({
        entryPoints: [join(BUILT, `apps/${app}/src/main.js`)],
        outfile: programOf(app),
        bundle: true,
        platform: 'node',
        target: 'node20',
        minifyWhitespace: true,
        external: LEFT_OUTSIDE,
        banner: { js: BANNER },
        define: { 'import.meta.url': 'addressOfThisFile' },
        plugins: [KEEP_FOLDERS],
        logLevel: 'error',
      }),
    ),
  );
  return { scheduler: programOf('scheduler'), worker: programOf('worker') };
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
