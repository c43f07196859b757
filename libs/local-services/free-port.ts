import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { LocalServiceError, systemErrorCode } from './service-error';

const LOOPBACK = '127.0.0.1';
/**
 * Below what Linux (32768, ip_local_port_range) and macOS (49152) give to outgoing connections: one of those may take a
 * port that its server is only about to listen on, or listens on again after a restart.
 */
const FIRST_PORT = 20_000;
const LAST_PORT = 24_999;
/** From a port to its guard, which keeps every other caller away from it, in whatever process. */
const TO_GUARD = 5_000;
/** Longer than what asks for a port takes to listen on it, on a busy machine, ms. */
const GUARDED_MS = 60_000;
const TRIES = 200;

/**
 * A TCP port that is free at this moment: the preferred one if it is free, otherwise any. One that it chose is
 * given to no other caller for a minute, which is until its server listens. Another program can still take it before the
 * caller binds it, so a caller that is refused asks again.
 */
export async function findFreePort(preferred?: number): Promise<number> {
  if (preferred !== undefined && !(await isPortBusy(preferred))) return preferred;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    if ((await guard(port)) && !(await isPortBusy(port))) return port;
  }
  const server = await tryListen(0, LOOPBACK);
  if (server === null) throw new Error('the operating system has no free port');
  return close(server);
}

/** Whether a program listens on the port, on the given address. Asked by listening there for a moment. */
export async function isPortBusy(port: number, host: string = LOOPBACK): Promise<boolean> {
  const server = await tryListen(port, host);
  if (server !== null) await close(server);
  return server === null;
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

/**
 * What the kernel gives to one process only, and takes back when that ends, however it ends: listening on the guard.
 * @returns whether the port is now the caller's.
 */
async function guard(port: number): Promise<boolean> {
  const server = await tryListen(port + TO_GUARD, LOOPBACK);
  if (server === null) return false;
  server.on('connection', (socket) => socket.destroy());
  server.unref();
  setTimeout(() => server.close(), GUARDED_MS).unref();
  return true;
}

/** @returns a server that listens there, or null when the port is taken. */
function tryListen(port: number, host: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      if (systemErrorCode(error) === 'EADDRINUSE') resolve(null);
      else reject(listenError(port, host, error));
    });
    server.listen({ port, host, exclusive: true }, () => resolve(server));
  });
}

/** @returns the port on which it listened. */
function close(server: Server): Promise<number> {
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return new Promise((resolve) => server.close(() => resolve(port)));
}

function listenError(port: number, host: string, error: Error): Error {
  if (systemErrorCode(error) !== 'EACCES') return error;
  return new LocalServiceError(
    `this user may not listen on port ${port} of ${host}`,
    'choose a port from 1024 up, e.g. PORT=3000 npm start',
    error,
  );
}
