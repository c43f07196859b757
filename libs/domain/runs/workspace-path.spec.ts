import { workspacePath } from './workspace-path';

describe('workspacePath', () => {
  it.each([
    ['', ''],
    ['.', ''],
    ['a/b.txt', 'a/b.txt'],
    ['./a//b/', 'a/b'],
    ['..a/b..', '..a/b..'],
  ])('%j is %j', (path, expected) => {
    expect(workspacePath(path)).toBe(expected);
  });

  it.each(['/etc/passwd', '..', 'a/../../b', 'a\0b'])('refuses %j', (path) => {
    expect(() => workspacePath(path)).toThrow(expect.objectContaining({ code: 'invalid_request' }) as Error);
  });
});
