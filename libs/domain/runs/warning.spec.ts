import { readFileSync } from 'node:fs';
import { WARNING_CODES, WarningLog } from './warning';

describe('warnings', () => {
  it('are one for each code, with the first case and how many there were', () => {
    const log = new WarningLog('lead');
    log.note('permission_refused', 'rm -rf\n\x1b[31m /data');
    log.note('output_cut', '');
    log.note('permission_refused', 'another');
    log.note('permission_refused', 'a third');
    expect(log.list()).toEqual([
      {
        code: 'permission_refused',
        message: 'agent "lead" was refused a permission: rm -rf /data (and 2 more)',
      },
      { code: 'output_cut', message: 'agent "lead" gave a longer result than is kept, which was cut' },
    ]);
  });

  it('quote a bounded part of what an agent says', () => {
    const log = new WarningLog('lead');
    log.note('unknown_update', 'x'.repeat(1_000_000));
    expect(log.list()[0]?.message.length).toBeLessThan(400);
  });

  it('are explained in docs/api.md, each once', () => {
    const table = readFileSync('docs/api.md', 'utf8').split('## Warnings of a run')[1]?.split('\n## ')[0] ?? '';
    expect([...table.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, code]) => code)).toEqual([...WARNING_CODES]);
  });
});
