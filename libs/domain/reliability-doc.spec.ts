import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { INVARIANTS } from './invariants';

const project = join(__dirname, '../..');
const doc = readFileSync(join(project, 'docs/reliability.md'), 'utf8');
const rows = doc.split('\n').flatMap((line) => {
  const cells = line.split('|').map((cell) => cell.trim());
  return /^I\d+$/.test(cells[1] ?? '') ? [cells.slice(1, -1)] : [];
});
const LAYERS = ['unit', 'integration', 'exhaustive search', 'simulator', 'crash sweep', 'chaos'];

describe('docs/reliability.md', () => {
  it('lists exactly the invariants, in order and in their words', () => {
    expect(rows.map(([name, text]) => [name, text])).toEqual(Object.entries(INVARIANTS));
  });

  it('says for each what holds it and which layers prove it', () => {
    for (const [name, , mechanism, proof] of rows) {
      expect([name, (mechanism ?? '').length > 20]).toEqual([name, true]);
      const layers = (proof ?? '').split(', ');
      expect([name, layers.filter((layer) => ![...LAYERS, 'mutants'].includes(layer))]).toEqual([name, []]);
      expect(layers.length).toBeGreaterThanOrEqual(3);
    }
  });

  it('describes every layer', () => {
    for (const layer of LAYERS) expect(doc).toMatch(new RegExp(`^\\| ${layer} \\|`, 'm'));
  });

  it('names only commands that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    for (const [, name = ''] of doc.matchAll(/npm run ([\w:-]+)/g)) expect(Object.keys(scripts)).toContain(name);
  });

  it('links only to what is there', () => {
    for (const [, path = ''] of doc.matchAll(/\]\(([^)#]+)\)/g))
      expect([path, existsSync(join(project, 'docs', path))]).toEqual([path, true]);
  });
});
