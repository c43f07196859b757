import { decideOverlap } from './overlap';

describe('decideOverlap', () => {
  it.each(['allow', 'skip', 'queue', 'replace'] as const)('%s runs when nothing is active', (policy) => {
    expect(decideOverlap(policy, 0)).toBe('run');
  });

  it.each([
    ['allow', 'run'],
    ['skip', 'skip'],
    ['queue', 'wait'],
    ['replace', 'replace'],
  ] as const)('%s decides %s while runs are active', (policy, decision) => {
    expect(decideOverlap(policy, 1)).toBe(decision);
    expect(decideOverlap(policy, 7)).toBe(decision);
  });
});
