import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * The scripts run before the first installation, as ES modules that Jest cannot load: a plain Node is asked.
 * @param module a file of scripts, as `lib/commit.mjs`
 * @param expression of what the module exports, by name, and of `input`
 * @param input as JSON has it
 */
export function askModule<T>(module: string, expression: string, input: unknown = null): T {
  const url = pathToFileURL(join(__dirname, '..', module)).href;
  const script = `import * as module from ${JSON.stringify(url)};
    const ask = new Function('module', 'input', ${JSON.stringify(`with (module) return (${expression});`)});
    const answer = await ask(module, JSON.parse(process.argv[1]));
    process.stdout.write('\\n' + JSON.stringify(answer));`;
  const args = ['--input-type=module', '--eval', script, JSON.stringify(input)];
  const printed = execFileSync(process.execPath, args, { encoding: 'utf8' });
  return JSON.parse(printed.slice(printed.lastIndexOf('\n') + 1)) as T;
}
