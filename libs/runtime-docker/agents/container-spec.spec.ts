import type { AgentSpec } from '@crewtab/domain/ports/runtime';
import {
  chooseUser,
  containerSpec,
  deadlineSeconds,
  mayWrite,
  programCandidates,
  type ImageFacts,
} from './container-spec';

const NOW = new Date('2026-03-02T10:00:00.000Z');
const at = (ms: number): Date => new Date(NOW.getTime() + ms);

describe('the seconds after which a container ends by itself', () => {
  it.each([
    ['a deadline in a minute', 60_000, 60],
    ['a fraction of a second, never too early', 60_001, 61],
    ['a deadline 30 days away, where a timer in ms would have overflowed', 30 * 86_400_000, 2_592_000],
    ['a deadline that has passed', -86_400_000, 1],
  ])('are counted for %s', (_, leftMs, seconds) => {
    expect(deadlineSeconds(at(leftMs), NOW, 0)).toBe(seconds);
  });

  it('come after the deadline by the grace', () => {
    expect(deadlineSeconds(at(30 * 86_400_000), NOW, 90_000)).toBe(2_592_090);
  });
});

describe('the way out of a container without a network', () => {
  const network = {
    kind: 'allowlist',
    hostFolder: '/net/run',
    socketName: 'proxy.sock',
    agentFolders: { lead: '/net/run.0', mate: '/net/run.1' },
  } as const;
  const deployment = { name: 'x', network, agents: [], runId: 'r', installationId: 'i', epoch: 1, deadlineAt: NOW };
  const facts = {
    env: {},
    command: ['program'],
    user: { runAs: null, uid: 1000, gid: 1000, madeHome: null, home: '' },
  };
  const settings = { defaultResources: { cpus: 1, memory: '64m', pids: 9 }, egressNetwork: 'e', outputLimitBytes: 1 };

  it.each([
    ['lead', '/net/run.0'],
    ['mate', '/net/run.1'],
    ['verify-1a2b3c4d', '/net/run'],
  ])('leads %s to %s and to no folder of another one', (name, folder) => {
    const agent = { name, image: 'i', command: null, env: {}, resources: {}, stdin: 'open', tools: null } as const;
    const spec = containerSpec(
      deployment,
      agent,
      // Only what the specification looks at.
      facts as unknown as ImageFacts,
      { ...settings, isRootWritable: false, tmpBytes: 1 },
      { kind: 'limited', endsAfterSeconds: 1, under: 'guard' },
    );
    const binds = spec.HostConfig?.Mounts?.filter(({ Type: type }) => type === 'bind');
    expect(binds).toEqual([{ Type: 'bind', Source: folder, Target: '/run/crewtab-network', ReadOnly: true }]);
    expect(spec.Cmd?.slice(0, 2)).toEqual(['3128', '/run/crewtab-network/proxy.sock']);
  });
});

describe('the places of a program', () => {
  const facts = { env: { PATH: '/usr/bin:/bin' } } as unknown as ImageFacts;
  const placesIn = (PATH?: string): string[] | null =>
    programCandidates('node', { env: PATH === undefined ? {} : { PATH } } as unknown as AgentSpec, facts);

  it('are those of the agent or else of the image, each once', () => {
    expect(placesIn()).toEqual(['/usr/bin/node', '/bin/node']);
    expect(placesIn('/a::/b:/a:')).toEqual(['/a/node', '/workspace/node', '/b/node']);
  });

  it('are not asked for where there are thousands', () => {
    expect(placesIn(Array.from({ length: 8_000 }, (_, index) => `/${index}`).join(':'))).toBeNull();
    expect(placesIn('/a:'.repeat(8_000))).toEqual(['/a/node', '/workspace/node']);
  });
});

const PASSWD =
  'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/bash\napp:x:2001:2002::/srv/app:/bin/sh\n';

describe('chooseUser', () => {
  it.each(['', 'root', '0', '0:0', 'root:root'])('runs an image of user "%s" as 1000:1000', (declared) => {
    expect(chooseUser(declared, PASSWD, null)).toEqual({
      runAs: '1000:1000',
      uid: 1000,
      gid: 1000,
      madeHome: null,
      home: '/home/node',
    });
  });

  it('keeps a user that the image names, by name or number', () => {
    const own = { runAs: null, madeHome: null, home: '/srv/app' };
    expect(chooseUser('app', PASSWD, null)).toEqual({ ...own, uid: 2001, gid: 2002 });
    expect(chooseUser('2001:7', PASSWD, null)).toEqual({ ...own, uid: 2001, gid: 7 });
    expect(chooseUser('4711', '', null)).toEqual({ ...own, uid: 4711, gid: 0, home: '' });
    expect(chooseUser('app', PASSWD, '/data')).toMatchObject({ madeHome: null, home: '/data' });
  });

  it.each([
    ['+0', ''],
    ['00', ''],
    ['-0', ''],
    ['0:1000', ''],
    ['01000', ''],
    ['4294967296', ''],
    ['99999999999999999999', ''],
    [' 0', ''],
    ['nobody-knows', PASSWD],
    ['app', 'app:x:0:0::/:\napp:x:2001:2001::/:'],
    ['app', 'app:x:2001:2001::/:\napp:x:0:0::/:'],
    ['app', 'app:x:2001x:2001::/:'],
    ['app', 'app:x:+0:2001::/:'],
    ['app', 'app:x::2001::/:'],
    ['app', 'app'],
    ['+0', '+0:x:2001:2001::/:'],
    ['app', '  app:x:0:0::/:\napp:x:2001:2001::/:'],
    ['2001', '2001:x:0:0::/:'],
    ['2001', '\t2001:x:0:0::/:\r'],
  ])('takes what an engine might take for root as root: "%s" with %j', (declared, passwd) => {
    expect(chooseUser(declared, passwd, null).runAs).toBe('1000:1000');
  });

  it('makes a home where there is none for an ordinary user', () => {
    expect(chooseUser('', '', null)).toMatchObject({ madeHome: '/home/agent', home: '/home/agent' });
    expect(chooseUser('', PASSWD, '/root').madeHome).toBe('/home/agent');
    expect(chooseUser('', PASSWD, '/data').madeHome).toBeNull();
    expect(chooseUser('', 'node:x:1000:1000::/:/bin/sh', null).madeHome).toBe('/home/agent');
  });
});

describe('mayWrite', () => {
  const user = chooseUser('', '', null);

  it.each([
    [{ uid: 1000, gid: 0, mode: 0o755 }, true],
    [{ uid: 1000, gid: 0, mode: 0o577 }, false],
    [{ uid: 0, gid: 1000, mode: 0o775 }, true],
    [{ uid: 0, gid: 1000, mode: 0o757 }, false],
    [{ uid: 0, gid: 0, mode: 0o1777 }, true],
    [{ uid: 0, gid: 0, mode: 0o755 }, false],
  ])('%j: %s', (directory, expected) => {
    expect(mayWrite(user, directory)).toBe(expected);
  });
});
