import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** As in jest-tally.spec.ts: in a plain Node of its own. */
function tellingLinesOf(parts: readonly string[]): string[] {
  const module = pathToFileURL(join(__dirname, 'stage-output.mjs')).href;
  const script = `import { StageOutput } from ${JSON.stringify(module)};
    const output = new StageOutput();
    for (const part of JSON.parse(process.argv[1])) output.add(part);
    console.log(JSON.stringify(output.tellingLines));`;
  const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', script, JSON.stringify(parts)], {
    encoding: 'utf8',
  });
  return JSON.parse(printed) as string[];
}

const numbered = (count: number): string => Array.from({ length: count }, (_, index) => `line ${index}\n`).join('');

describe('what a failed stage is told by', () => {
  it('is what it marked, and its last lines', () => {
    const shown = tellingLinesOf([numbered(20), '✗ I5 run 1: two prompts\n\n', numbered(20)]);
    expect(shown).toEqual([
      '✗ I5 run 1: two prompts',
      ...Array.from({ length: 8 }, (_, index) => `line ${index + 12}`),
    ]);
  });

  it('keeps their order where they overlap, and joins lines that came in parts', () => {
    expect(tellingLinesOf(['one\n✗ tw', 'o\nthree'])).toEqual(['one', '✗ two', 'three']);
  });

  it('remembers what was marked long ago, and not everything else', () => {
    const shown = tellingLinesOf(['✗ first\n', numbered(5_000)]);
    expect(shown).toHaveLength(9);
    expect(shown[0]).toBe('✗ first');
  });
});
