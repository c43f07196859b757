import { PullProgress, splitReference } from './images';

describe('PullProgress', () => {
  it('tells the share of all layers, at most once a second and only when it has changed', () => {
    const progress = new PullProgress('node:22');
    const layer = (id: string, current: number): object => ({
      id,
      status: 'Downloading',
      progressDetail: { current, total: 100 },
    });
    expect(progress.add({ status: 'Pulling from library/node', id: '22' }, 0)).toBeNull();
    expect(progress.add(layer('a', 0), 0)).toBe('pulling node:22 … 0 %');
    expect(progress.add(layer('b', 0), 10)).toBeNull();
    expect(progress.add(layer('a', 80), 900)).toBeNull();
    expect(progress.add(layer('b', 10), 1_000)).toBe('pulling node:22 … 45 %');
    expect(progress.add(layer('b', 10), 3_000)).toBeNull();
    expect(progress.add({ id: 'b', status: 'Download complete' }, 4_000)).toBe('pulling node:22 … 90 %');
    expect(progress.add({ id: 'a', status: 'Extracting', progressDetail: { current: 1, total: 500 } }, 5_000)).toBe(
      'pulling node:22 … 100 %',
    );
  });
});

describe('splitReference', () => {
  it.each([
    ['node', 'node', 'latest'],
    ['node:22', 'node', '22'],
    ['registry.example:5000/team/agent', 'registry.example:5000/team/agent', 'latest'],
    ['registry.example:5000/team/agent:v1', 'registry.example:5000/team/agent', 'v1'],
    ['node@sha256:abc', 'node', 'sha256:abc'],
    ['node:22@sha256:abc', 'node:22', 'sha256:abc'],
  ])('%s', (reference, fromImage, tag) => {
    expect(splitReference(reference)).toEqual({ fromImage, tag });
  });
});
