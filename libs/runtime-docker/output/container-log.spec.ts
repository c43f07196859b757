import fc from 'fast-check';
import { LogFrameDecoder, LogLines } from './container-log';

function frame(kind: number, payload: string | Buffer): Buffer {
  const bytes = Buffer.from(payload);
  const header = Buffer.alloc(8);
  header.writeUInt8(kind, 0);
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

function decode(chunks: readonly Buffer[]): { stdout: string; stderr: string; isAtBoundary: boolean } {
  const decoder = new LogFrameDecoder();
  const pieces = chunks.flatMap((chunk) => [...decoder.push(chunk)]);
  const of = (stream: string): string =>
    Buffer.concat(pieces.filter((piece) => piece.stream === stream).map((piece) => piece.bytes)).toString();
  return { stdout: of('stdout'), stderr: of('stderr'), isAtBoundary: decoder.isAtBoundary };
}

describe('LogFrameDecoder', () => {
  it('takes frames apart however the network cuts them', () => {
    const whole = Buffer.concat([
      frame(1, 'one\n'),
      frame(2, 'err\n'),
      frame(1, ''),
      frame(1, 'two'),
      frame(1, ' ü\n'),
    ]);
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length), { maxLength: 12 }), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), whole.length];
        const chunks = places.slice(1).map((place, index) => whole.subarray(places[index], place));
        expect(decode(chunks)).toEqual({ stdout: 'one\ntwo ü\n', stderr: 'err\n', isAtBoundary: true });
      }),
    );
  });

  it('knows when a stream ends within a frame', () => {
    expect(decode([frame(1, 'one\n').subarray(0, 10)]).isAtBoundary).toBe(false);
    expect(decode([frame(1, 'one\n').subarray(0, 3)]).isAtBoundary).toBe(false);
  });

  it('throws what the engine says about itself in the stream', () => {
    expect(() => decode([frame(1, 'one\n'), frame(3, 'error from daemon in stream: it broke')])).toThrow('it broke');
  });

  it('refuses a stream that is not multiplexed', () => {
    expect(() => decode([Buffer.from('plain text of a terminal')])).toThrow('unknown kind');
  });
});

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
