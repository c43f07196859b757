import { connectionTo } from './engine-client';

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
