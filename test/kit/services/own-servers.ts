import { rm } from 'node:fs/promises';
import { makeServiceFolder, startTestPostgres, startTestRedisServer } from './test-services';

/** A server that one test has for itself, to flush, stop or kill. */
export interface OwnServer {
  readonly url: string;
  readonly port: number;
  /** Orderly shutdown. */
  stop(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  /** Starts again on the same port, with the same password, after `stop` or `kill`. Redis comes back empty. */
  restart(): Promise<void>;
  /** Stops it if it runs and removes its data. To be called in the end. */
  remove(): Promise<void>;
}

interface Running {
  readonly url: string;
  readonly port: number;
  readonly pid: number | null;
  stop(): Promise<void>;
}

export function startOwnRedis(): Promise<OwnServer> {
  return startOwn(startTestRedisServer);
}

export function startOwnPostgres(): Promise<OwnServer> {
  return startOwn(startTestPostgres);
}

async function startOwn(start: (folder: string, port?: number) => Promise<Running>): Promise<OwnServer> {
  const folder = await makeServiceFolder();
  let server = await start(folder);
  return {
    url: server.url,
    port: server.port,
    stop: () => server.stop(),
    kill: async () => {
      if (server.pid === null) throw new Error('this server runs in a container');
      process.kill(server.pid, 'SIGKILL');
      await server.stop();
    },
    restart: async () => {
      await server.stop();
      server = await start(folder, server.port);
    },
    remove: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
