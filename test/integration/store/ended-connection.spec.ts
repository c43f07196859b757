import { createServer, type AddressInfo, type Server } from 'node:net';
import { createPool, Database } from '@crewtab/store-prisma/database/database';

/** One message of Postgres' protocol: its type, its length, its content. */
function message(type: string, content: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(content.length + 4);
  return Buffer.concat([Buffer.from(type), length, content]);
}

const AUTHENTICATED = message('R', Buffer.alloc(4));
const READY = message('Z', Buffer.from('I'));
const TERMINATED = message('E', Buffer.from('SFATAL\0C57P01\0Mterminating connection\0\0'));

describe('a connection that the server ends', () => {
  let server: Server;

  beforeEach(async () => {
    server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(Buffer.concat([AUTHENTICATED, READY, TERMINATED])));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(() => new Promise((resolve) => server.close(resolve)));

  it('in the moment in which it is given to its caller costs the statement, and not the process', async () => {
    const { port } = server.address() as AddressInfo;
    const pool = createPool(`postgresql://user@127.0.0.1:${port}/somewhere`, 1, () => undefined);
    await expect(new Database(pool).query({ text: 'SELECT 1' })).rejects.toMatchObject({
      code: 'store_unreachable',
      retryable: true,
    });
    await pool.end();
  });
});
