import { join } from 'node:path';
import type { Plugin } from 'esbuild';

/** Folder and program of each: `demo-agent/demo-agent.ts` becomes `demo-agent/demo-agent.js`. */
const PROGRAMS = ['demo-agent', 'team-bridge'] as const;

/**
 * The MCP SDK compiles JSON schemas for elicitation and for structured results, which these programs never ask for. The
 * compiler is 60 % of the bridge's bundle, and every leader waits for the bridge to start.
 */
const WITHOUT_SCHEMA_COMPILER: Plugin = {
  name: 'without-schema-compiler',
  setup(build) {
    build.onLoad({ filter: /[\\/]@modelcontextprotocol[\\/]sdk[\\/].*[\\/]ajv-provider\.js$/ }, () => ({
      contents: `export class AjvJsonSchemaValidator {
        getValidator() { throw new Error('this program was bundled without a JSON schema validator'); }
      }`,
    }));
  },
};

/** Bundles each program of `sourceDir` (images/) with its SDKs into one file below `targetDir` that needs only Node. */
export async function bundlePrograms(sourceDir: string, targetDir: string): Promise<void> {
  const { build } = await import('esbuild');
  await build({
    entryPoints: PROGRAMS.map((name) => ({
      in: join(sourceDir, name, `${name}.ts`),
      out: join(name, name),
    })),
    outdir: targetDir,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    // Names stay, for the stack of an agent that crashes.
    minifyWhitespace: true,
    minifySyntax: true,
    plugins: [WITHOUT_SCHEMA_COMPILER],
    logLevel: 'error',
  });
}

/** `node dist/images/build/bundle-programs.js` is the last step of the build. */
async function main(): Promise<void> {
  const built = join(__dirname, '..');
  await bundlePrograms(join(built, '../../images'), built);
}

if (require.main === module) void main();
