import { frame } from './log-frame.spec-support';
import { LogLines } from './plain-output';

describe('LogLines', () => {
  it('goes on in a second reading of the log where the first one ended too early', () => {
    const lines = new LogLines();
    const whole = [frame(1, 'one\n'), frame(2, 'warning\n'), frame(1, 'two'), frame(2, 'rest')];
    const seen = [...lines.push(Buffer.concat(whole.slice(0, 2)))];
    seen.push(...lines.again().push(Buffer.concat(whole)));
    expect(lines.isAtBoundary).toBe(true);
    seen.push(...lines.end());
    expect(seen).toEqual([
      { stream: 'stdout', index: 0, text: 'one' },
      { stream: 'stderr', index: 0, text: 'warning' },
      { stream: 'stdout', index: 1, text: 'two' },
      { stream: 'stderr', index: 1, text: 'rest' },
    ]);
  });

  it('skips within a frame and finds nothing new where nothing was lost', () => {
    const lines = new LogLines();
    expect([...lines.push(frame(1, 'a\nb'))].map((line) => line.text)).toEqual(['a']);
    expect([...lines.again().push(frame(1, 'a\nb'))]).toEqual([]);
    expect([...lines.again().push(frame(1, 'a\nbc\n'))].map((line) => line.text)).toEqual(['bc']);
  });
});
