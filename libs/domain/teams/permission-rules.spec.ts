import fc from 'fast-check';
import { findRule, type AskedCall, type PermissionRule } from './permission-rules';

const CALL: AskedCall = { names: [], kind: null, command: null, paths: [] };
const decides = (rule: Partial<PermissionRule>, call: Partial<AskedCall>): boolean =>
  findRule([{ allow: true, ...rule }], { ...CALL, ...call }) !== null;

describe('a rule', () => {
  it.each<[string, Partial<PermissionRule>, Partial<AskedCall>, boolean]>([
    ['without conditions fits all', {}, {}, true],
    ['fits the name of a tool', { tool: 'Bash' }, { names: ['npm test', 'Bash'] }, true],
    ['fits a pattern of names', { tool: 'mcp__*' }, { names: ['mcp__team__delegate'] }, true],
    ['fits the whole name only', { tool: 'Bash' }, { names: ['BashOutput'] }, false],
    ['fits a kind', { kind: 'execute' }, { kind: 'execute' }, true],
    ['does not fit another kind', { kind: 'read' }, { kind: 'execute' }, false],
    ['does not fit what is not told', { kind: 'read' }, {}, false],
    ['fits a command', { command: 'git *' }, { command: 'git status' }, true],
    ['fits the whole command only', { command: 'git' }, { command: 'git status' }, false],
    ['that allows does not reach over an operator', { command: 'git *' }, { command: 'git status; rm -rf .' }, false],
    ['that allows does not reach into a substitution', { command: 'echo *' }, { command: 'echo $(cat key)' }, false],
    ['that allows any command does', { command: '*' }, { command: 'a | b' }, true],
    ['that allows fits operators that it names', { command: 'a | b' }, { command: 'a | b' }, true],
    ['that refuses reaches everywhere', { command: '*rm -rf*', allow: false }, { command: 'ls; rm -rf .' }, true],
    ['fits a path', { path: '/workspace/src/*.ts' }, { paths: ['/workspace/src/a.ts'] }, true],
    ['fits no deeper path by one star', { path: '/workspace/*' }, { paths: ['/workspace/src/a.ts'] }, false],
    ['fits every path below by two', { path: '/workspace/**' }, { paths: ['/workspace/src/a.ts'] }, true],
    ['fits folders in between', { path: '**/secret/*' }, { paths: ['/a/b/secret/c'] }, true],
    ['sees through ..', { path: '/workspace/**' }, { paths: ['/workspace/../etc/passwd'] }, false],
    ['sees through doubled slashes', { path: '/workspace/*' }, { paths: ['/workspace//./a'] }, true],
    ['that allows needs every path', { path: '/workspace/**' }, { paths: ['/workspace/a', '/etc/b'] }, false],
    ['that refuses needs one', { path: '/etc/**', allow: false }, { paths: ['/workspace/a', '/etc/b'] }, true],
    ['fits no call without paths', { path: '**' }, {}, false],
    ['needs all of its conditions', { kind: 'execute', command: 'ls' }, { kind: 'execute', command: 'rm' }, false],
  ])('%s', (_what, rule, call, isFit) => {
    expect(decides(rule, call)).toBe(isFit);
  });

  it('that comes first wins', () => {
    const rules: PermissionRule[] = [
      { kind: 'edit', allow: false },
      { kind: 'execute', allow: true },
      { allow: false },
    ];
    expect(findRule(rules, { ...CALL, kind: 'execute' })).toEqual({ rule: rules[1], index: 1 });
    expect(findRule(rules.slice(0, 2), { ...CALL, kind: 'read' })).toBeNull();
  });

  it('takes no longer for a hostile command', () => {
    const began = performance.now();
    expect(decides({ command: `${'*a'.repeat(30)}*b`, allow: false }, { command: 'a'.repeat(20_000) })).toBe(false);
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  it('fits by stars as a regular expression does', () => {
    const pieces = fc.array(fc.constantFrom('a', 'b', '*', '.'), { maxLength: 8 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(pieces, fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 }), (pattern, name) => {
        const regex = new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
        expect(decides({ tool: pattern }, { names: [name] })).toBe(regex.test(name));
      }),
    );
  });
});
