import { findPolicyFaults, NO_POLICY } from './agent-policy';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const faultsOf = (agent: Parameters<typeof findPolicyFaults>[0], policy: Partial<typeof NO_POLICY>) =>
  findPolicyFaults(agent, { ...NO_POLICY, ...policy }).map(({ path }) => path.join('.'));

describe('findPolicyFaults', () => {
  it.each([
    [{ memory: '4t' }, ['resources.memory']],
    [{ cpus: 256 }, ['resources.cpus']],
    [{ pids: 4_000_000 }, ['resources.pids']],
    [{ memory: '2049m', cpus: 2.1, pids: 513 }, ['resources.memory', 'resources.cpus', 'resources.pids']],
    [{ memory: '2g', cpus: 2, pids: 512 }, []],
    [{}, []],
  ])('finds that %j is over the ceilings in %j', (resources, faults) => {
    expect(faultsOf({ resources }, { memoryBytes: 2 * 1024 ** 3, cpus: 2, pids: 512 })).toEqual(faults);
    expect(faultsOf({ resources }, {})).toEqual([]);
  });

  it.each([
    ['ghcr.io/acme/*', 'ghcr.io/acme/agent:1', true],
    ['ghcr.io/acme/*', 'ghcr.io/acme/agent', true],
    ['ghcr.io/acme/*', `ghcr.io/acme/agent@${DIGEST}`, true],
    ['ghcr.io/acme/*', 'ghcr.io/acme/deep/agent', false],
    ['ghcr.io/acme/**', 'ghcr.io/acme/deep/agent:1', true],
    ['ghcr.io/acme/*', 'ghcr.io/acme', false],
    ['ghcr.io/acme/*', 'ghcr.io/acme-evil/agent', false],
    ['ghcr.io/acme/*', 'ghcrxio/acme/agent', false],
    ['ghcr.io/acme/*', 'evil.example/ghcr.io/acme/agent', false],
    ['ghcr.io/acme/*', 'ghcr.io:5000/acme/agent', false],
    ['registry.example:5000/*', 'registry.example:5000/agent:2', true],
    ['registry.example:5000/*', 'registry.example/agent:2', false],
    ['agent', 'agent:2', true],
    ['agent', 'docker.io/library/agent', true],
    ['agent', 'index.docker.io/library/agent', true],
    ['agent', 'acme/agent', false],
    ['acme/agent:1.*', 'acme/agent:1.2', true],
    ['acme/agent:1.*', 'acme/agent:2.0', false],
    ['acme/agent:latest', 'acme/agent', true],
    ['acme/agent:1', `acme/agent@${DIGEST}`, false],
    [`acme/agent@${DIGEST}`, `acme/agent@${DIGEST}`, true],
    [`acme/agent@${DIGEST}`, 'acme/agent:1', false],
    ['**', 'anything.example/at/all:1', true],
    ['docker.io/library/*', 'sha256:deadbeefdeadbeef', false],
    ['docker.io/library/*', 'deadbeefdead', false],
  ])('under the pattern %s the image %s is allowed: %s', (pattern, image, isAllowed) => {
    expect(faultsOf({ image }, { images: ['other.example/x', pattern] })).toEqual(isAllowed ? [] : ['image']);
  });

  it.each([
    ['acme/agent', false],
    ['acme/agent:1', false],
    ['acme/agent@sha256:abc', false],
    [`acme/agent@${DIGEST}`, true],
    [`acme/agent:1@${DIGEST}`, true],
  ])('where digests are required, %s is allowed: %s', (image, isAllowed) => {
    expect(faultsOf({ image }, { needsDigest: true })).toEqual(isAllowed ? [] : ['image']);
  });
});
