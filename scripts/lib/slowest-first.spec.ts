import { existsSync } from 'node:fs';
import { join } from 'node:path';

interface Test {
  readonly path: string;
  readonly context: { readonly hasteFS: { readonly getSize: (path: string) => number } };
}

interface Sequencer {
  sort(tests: readonly Test[]): readonly Test[];
}

const SlowestFirst = jest.requireActual<(new () => Sequencer) & { readonly slowest: readonly string[] }>(
  './slowest-first.cjs',
);

describe('the order of spec files', () => {
  it('begins with those that last longest, then goes by size', () => {
    const test = (path: string, size: number): Test => ({ path, context: { hasteFS: { getSize: () => size } } });
    const [longest, second] = SlowestFirst.slowest;
    const tests = [test('/p/small.spec.ts', 1), test(`/p/test/${second}`, 2), test('/p/large.spec.ts', 3)];
    const order = new SlowestFirst().sort([...tests, test(`/p/test/${longest}`, 1)]).map(({ path }) => path);
    expect(order).toEqual([`/p/test/${longest}`, `/p/test/${second}`, '/p/large.spec.ts', '/p/small.spec.ts']);
  });

  it('knows only files that are there', () => {
    const folder = join(__dirname, '../../test');
    expect(SlowestFirst.slowest.filter((name) => !existsSync(join(folder, name)))).toEqual([]);
  });
});
