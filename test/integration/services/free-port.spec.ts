import { createServer, type Server } from 'node:net';
import { findFreePort, isPortBusy, requireFreePort } from '@crewtab/local-services/free-port';

let server: Server;
let busyPort: number;

beforeEach(async () => {
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  busyPort = address.port;
});

afterEach(() => new Promise((resolve) => server.close(resolve)));

describe('ports', () => {
  it('tells a busy port from a free one', async () => {
    expect(await isPortBusy(busyPort)).toBe(true);
    expect(await isPortBusy(await findFreePort())).toBe(false);
  });

  it('gives the preferred port where it is free, and another one where it is not', async () => {
    const free = await findFreePort();

    expect(await findFreePort(free)).toBe(free);
    expect(await findFreePort(busyPort)).not.toBe(busyPort);
  });

  it('gives none that the operating system may give to an outgoing connection', async () => {
    const ports = await Promise.all(Array.from({ length: 20 }, () => findFreePort()));
    expect(Math.max(...ports)).toBeLessThan(32_768);
    expect(new Set(ports).size).toBeGreaterThan(15);
  });

  it('gives a port to one caller only, in whatever process, as long as its server may need to listen', async () => {
    // Of 5,000 ports, two of 300 that are chosen by chance would surely be the same.
    const programs = Array.from({ length: 3 }, () => loadAnew());
    const ports = await Promise.all(
      programs.flatMap(({ findFreePort: find }) => Array.from({ length: 100 }, () => find())),
    );
    expect(new Set(ports).size).toBe(300);
  });

  it('names the setting that chooses another port', async () => {
    await expect(requireFreePort(busyPort, 'PORT')).rejects.toMatchObject({
      message: `port ${busyPort} is already in use`,
      hint: expect.stringContaining(`PORT=${busyPort + 1} npm start`),
    });
  });
});

/** The module as another program has it: without anything that the first one remembers. */
function loadAnew(): typeof import('@crewtab/local-services/free-port') {
  let loaded: typeof import('@crewtab/local-services/free-port') | null = null;
  jest.isolateModules(() => {
    loaded = jest.requireActual('@crewtab/local-services/free-port');
  });
  if (loaded === null) throw new Error('the module was not loaded');
  return loaded;
}
