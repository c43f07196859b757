import { FrameReader, frameOf } from './tool-tunnel';

describe('frames of a tunnel', () => {
  const bytes = Buffer.concat([
    frameOf('o', 1, Buffer.alloc(0)),
    frameOf('d', 2 ** 31, Buffer.from('grün')),
    frameOf('c', 1, Buffer.alloc(0)),
  ]);

  it.each([1, 4, 1_000])('come whole out of pieces of %i bytes', (size) => {
    const reader = new FrameReader();
    const frames = [];
    for (let at = 0; at < bytes.length; at += size) frames.push(...reader.push(bytes.subarray(at, at + size)));
    expect(frames.map(({ kind, id, payload }) => [kind, id, payload.toString('utf8')])).toEqual([
      ['o', 1, ''],
      ['d', 2 ** 31, 'grün'],
      ['c', 1, ''],
    ]);
  });
});
