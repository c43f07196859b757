import { rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { join } from 'node:path';
import { findDockerEngine } from '@crewtab/launcher/docker-engine';
import { findFreePort } from '@crewtab/local-services/free-port';
import { makeServiceFolder } from '../../kit/services/test-services';

let folder: string;
let servers: Server[];

beforeEach(async () => {
  folder = await makeServiceFolder();
  servers = [];
});

afterEach(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  await rm(folder, { recursive: true, force: true });
});

async function listen(name: string, answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  const path = join(folder, name);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  servers.push(server);
  return `unix://${path}`;
}

describe('looking for a Docker engine', () => {
  it('takes the one that DOCKER_HOST names', async () => {
    const asked: string[] = [];
    const host = await listen('docker.sock', (request, response) => {
      asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
      response.end('OK');
    });

    expect(await findDockerEngine({ DOCKER_HOST: host })).toEqual({ isReachable: true, dockerHost: host });
    expect(asked).toEqual(['GET /_ping']);
  });

  it('finds the one of rootless Docker', async () => {
    const host = await listen('docker.sock', (_request, response) => response.end('OK'));

    // The system's own socket comes first where there is one.
    expect(await findDockerEngine({ XDG_RUNTIME_DIR: folder, HOME: folder })).toEqual({
      isReachable: true,
      dockerHost: expect.stringMatching(new RegExp(`^(${host}|unix:///var/run/docker.sock)$`)),
    });
  });

  it('says that there is no such socket', async () => {
    const host = `unix://${join(folder, 'none.sock')}`;

    expect(await findDockerEngine({ DOCKER_HOST: host })).toEqual({
      isReachable: false,
      reason: `DOCKER_HOST=${host}: there is no such socket`,
    });
  });

  it('says that nothing listens there', async () => {
    const host = `tcp://127.0.0.1:${await findFreePort()}`;

    expect(await findDockerEngine({ DOCKER_HOST: host })).toEqual({
      isReachable: false,
      reason: `DOCKER_HOST=${host}: nothing listens there: the engine is not started`,
    });
  });

  it('gives up on an engine that does not answer within 2 s', async () => {
    const host = await listen('docker.sock', () => undefined);

    expect(await findDockerEngine({ DOCKER_HOST: host })).toEqual({
      isReachable: false,
      reason: `DOCKER_HOST=${host}: no answer within 2000 ms`,
    });
  });

  it('repeats the words of an engine that answers with an error', async () => {
    const host = await listen('docker.sock', (_request, response) => {
      response.statusCode = 503;
      response.end(JSON.stringify({ message: 'the engine is shutting down' }));
    });

    expect(await findDockerEngine({ DOCKER_HOST: host })).toMatchObject({
      isReachable: false,
      reason: expect.stringContaining('the engine is shutting down'),
    });
  });

  it('says which forms of DOCKER_HOST it does not know', async () => {
    expect(await findDockerEngine({ DOCKER_HOST: 'ssh://someone@somewhere' })).toMatchObject({
      isReachable: false,
      reason: expect.stringContaining('not supported'),
    });
  });
});
