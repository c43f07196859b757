import { once } from 'node:events';
import { Agent, createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { drainConnections, keepConnections } from './connections';

const NEVER_MS = 2 ** 30;

describe('the connections of a server', () => {
  let server: Server;
  let agent: Agent;
  let arrived: Promise<[IncomingMessage, ServerResponse]>;

  beforeEach(async () => {
    server = createServer();
    keepConnections(server);
    agent = new Agent({ keepAlive: true });
    arrived = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  afterEach(() => {
    agent.destroy();
    server.closeAllConnections();
    server.close();
  });

  const port = (): number => (server.address() as AddressInfo).port;

  const ask = async (): Promise<IncomingMessage> => {
    const [response] = (await once(get({ port: port(), host: '127.0.0.1', agent }), 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
    return response;
  };

  it('are kept longer than a proxy keeps its own', async () => {
    void arrived.then(([, response]) => response.end());
    expect((await ask()).headers['keep-alive']).toBe('timeout=75');
  });

  it('draining answers what is under way and takes nothing new', async () => {
    const answer = ask();
    const [, response] = await arrived;
    const at = port();
    const drained = drainConnections(server, NEVER_MS);
    await expect(once(connect(at, '127.0.0.1'), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    response.end('done');
    expect((await answer).statusCode).toBe(200);
    await drained;
  });

  it('draining closes a kept connection at once', async () => {
    void arrived.then(([, response]) => response.end());
    await ask();
    await drainConnections(server, NEVER_MS);
  });

  it('draining cuts off what is not answered in time', async () => {
    const answer = ask();
    await arrived;
    const cutOff = expect(answer).rejects.toMatchObject({ code: 'ECONNRESET' });
    await drainConnections(server, 1);
    await cutOff;
  });

  it('draining a server that does not listen is done at once', async () => {
    await drainConnections(server, NEVER_MS);
    await drainConnections(server, NEVER_MS);
  });
});
