import { splitReference } from './image-reference';

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
