import { connectionTo, MutationLimiter } from './engine-client';

describe('what DOCKER_HOST means', () => {
  it.each([
    ['unix:///run/docker.sock', { socketPath: '/run/docker.sock', protocol: 'http' }],
    ['/run/docker.sock', { socketPath: '/run/docker.sock', protocol: 'http' }],
    ['npipe:////./pipe/docker_engine', { socketPath: '//./pipe/docker_engine', protocol: 'http' }],
    ['tcp://engine.example', { host: 'engine.example', port: 2375, protocol: 'http' }],
    ['tcp://engine.example:2376', { host: 'engine.example', port: '2376', protocol: 'https' }],
    ['https://engine.example', { host: 'engine.example', port: 2376, protocol: 'https' }],
    ['ssh://person@engine.example', { host: 'engine.example', port: 22, username: 'person', protocol: 'ssh' }],
  ])('%s', (dockerHost, connection) => {
    expect(connectionTo(dockerHost)).toEqual(connection);
  });
});

/** Calls that end when the test says so. */
class Calls {
  readonly begun: string[] = [];
  private readonly ends = new Map<string, () => void>();

  make(name: string): () => Promise<string> {
    return async () => {
      this.begun.push(name);
      await new Promise<void>((resolve) => this.ends.set(name, resolve));
      return name;
    };
  }

  end(name: string): void {
    this.ends.get(name)?.();
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('MutationLimiter', () => {
  it('runs so many at once, deploys before teardowns', async () => {
    const limiter = new MutationLimiter(2);
    const calls = new Calls();
    const all = [
      limiter.run('teardown', null, calls.make('t1')),
      limiter.run('teardown', null, calls.make('t2')),
      limiter.run('teardown', null, calls.make('t3')),
      limiter.run('deploy', null, calls.make('d1')),
    ];
    await settle();
    expect(calls.begun).toEqual(['t1', 't2']);
    calls.end('t1');
    await settle();
    expect(calls.begun).toEqual(['t1', 't2', 'd1']);
    for (const name of ['t2', 'd1']) calls.end(name);
    await settle();
    calls.end('t3');
    expect(await Promise.all(all)).toEqual(['t1', 't2', 't3', 'd1']);
  });

  it('gives its place up when a call fails', async () => {
    const limiter = new MutationLimiter(1);
    await expect(limiter.run('deploy', null, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await limiter.run('deploy', null, () => Promise.resolve('next'))).toBe('next');
  });

  it('forgets those that are aborted while they wait', async () => {
    const limiter = new MutationLimiter(1);
    const calls = new Calls();
    const first = limiter.run('deploy', null, calls.make('first'));
    const abort = new AbortController();
    const second = limiter.run('deploy', abort.signal, calls.make('second'));
    await settle();
    abort.abort();
    await expect(second).rejects.toMatchObject({ retryable: true });
    calls.end('first');
    await first;
    await expect(limiter.run('deploy', abort.signal, calls.make('third'))).rejects.toMatchObject({ retryable: true });
    expect(calls.begun).toEqual(['first']);
  });
});
