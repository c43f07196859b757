import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { LocalServiceError, systemErrorCode } from './service-error';

const LOOPBACK = '127.0.0.1';
/**
 * Below what Linux (32768, ip_local_port_range) and macOS (49152) give to outgoing connections: one of those may take a
 * port that its server is only about to listen on, or listens on again after a restart.
 */
const FIRST_PORT = 20_000;
const LAST_PORT = 29_999;
const TRIES = 100;

/**
 * A TCP port that nobody listens on at this moment: the preferred one if it is free, otherwise any. Somebody else can
 * take it before the caller binds it, so a caller that is refused asks again.
 */
export async function findFreePort(preferred?: number): Promise<number> {
  if (preferred !== undefined && !(await isPortBusy(preferred))) return preferred;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    if (!(await isPortBusy(port))) return port;
  }
  const port = await tryListen(0, LOOPBACK);
  if (port === null) throw new Error('the operating system has no free port');
  return port;
}

/** Whether somebody listens on the port, on the given address. Asked by listening there for a moment. */
export async function isPortBusy(port: number, host: string = LOOPBACK): Promise<boolean> {
  return (await tryListen(port, host)) === null;
}

/**
 * Throws a LocalServiceError that names the setting when the port is taken.
 * @param setting the environment variable by which a person chooses another port, e.g. `PORT`.
 */
export async function requireFreePort(port: number, setting: string, host?: string): Promise<void> {
  if (!(await isPortBusy(port, host))) return;
  throw new LocalServiceError(
    `port ${port} is already in use`,
    `stop the program that listens there, or choose another port: ${setting}=${port === 65_535 ? 8080 : port + 1} npm start`,
  );
}

/** @returns the port that was bound, or null when it is taken. */
function tryListen(port: number, host: string): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      if (systemErrorCode(error) === 'EADDRINUSE') resolve(null);
      else reject(listenError(port, host, error));
    });
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      const bound = address !== null && typeof address === 'object' ? address.port : port;
      server.close(() => resolve(bound));
    });
  });
}

function listenError(port: number, host: string, error: Error): Error {
  if (systemErrorCode(error) !== 'EACCES') return error;
  return new LocalServiceError(
    `this user may not listen on port ${port} of ${host}`,
    'choose a port from 1024 up, e.g. PORT=3000 npm start',
    error,
  );
}
