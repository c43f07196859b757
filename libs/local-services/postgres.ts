import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, escapeIdentifier } from 'pg';
import { claimFolder } from './data-folder';
import { findFreePort } from './free-port';
import { SupervisedServer, stopLeftover, type StopPlan } from './supervised-server';
import { settlePostgresHome, type PostgresHome } from './postgres-account';
import { findPostgresBinaries } from './postgres-binaries';
import { clearPidFile, clusterFolder, ensureCluster, ensurePassword, isReady, POSTGRES_USER } from './postgres-cluster';
import { LocalServiceError, messageOf, type ProgressLog } from './service-error';
import { waitUntil } from './wait-until';

export interface PostgresOptions {
  /** Everything of this Postgres lies here: data, password (0600), log. Made if missing. */
  readonly dataDir: string;
  readonly log: ProgressLog;
  /** Without it: the port of the last start if that is free, otherwise any free one. */
  readonly port?: number;
  /** Default true. False trades safety against power cuts for speed; for tests only. */
  readonly isDurable?: boolean;
  /** Environment of the server; default empty. */
  readonly env?: NodeJS.ProcessEnv;
}

export interface LocalPostgres {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Fast shutdown: open connections are cut, committed data is safe. Bounded by 20 s; idempotent. */
  stop(): Promise<void>;
}

const MAX_CONNECTIONS = 200;
/** After a power cut the server first replays what it had promised. */
const READY_TIMEOUT_MS = 120_000;
const FAST_SHUTDOWN: StopPlan = [
  { signal: 'SIGINT', waitMs: 10_000 },
  { signal: 'SIGQUIT', waitMs: 5_000 },
];

/**
 * Starts a Postgres of our own on loopback and makes sure that its database exists. Data of an earlier start is found
 * again; a server that a killed start left running on it is stopped first.
 * @throws LocalServiceError when the machine or the data does not allow it; nothing is left running then.
 */
export async function startPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  const claim = await claimFolder(options.dataDir, 'the Postgres data');
  let server: SupervisedServer | undefined;
  try {
    const home = await settlePostgresHome(options.dataDir, await findPostgresBinaries(), options.log);
    if (await stopLeftover(options.dataDir, FAST_SHUTDOWN)) options.log('stopped the Postgres of an earlier start');
    await clearPidFile(clusterFolder(home), FAST_SHUTDOWN);
    const password = await ensurePassword(options.dataDir);
    await ensureCluster(home, password, options.isDurable ?? true);
    const started = await startOnSomePort(home, options);
    server = started.server;
    const url = `postgresql://${POSTGRES_USER}:${password}@127.0.0.1:${started.port}`;
    await ensureDatabase(url);
    const running = server;
    return {
      url: `${url}/${POSTGRES_USER}`,
      port: started.port,
      pid: running.pid,
      stop: async () => {
        await running.stop(FAST_SHUTDOWN);
        await claim.release();
      },
    };
  } catch (error) {
    await server?.stop(FAST_SHUTDOWN);
    await claim.release();
    throw error;
  }
}

async function startOnSomePort(
  home: PostgresHome,
  options: PostgresOptions,
): Promise<{ server: SupervisedServer; port: number }> {
  const portFile = join(options.dataDir, 'port');
  const last = Number.parseInt(await readFile(portFile, 'utf8').catch(() => ''), 10);
  const startedAt = performance.now();
  for (let preferred = options.port ?? (Number.isInteger(last) ? last : undefined); ; preferred = options.port) {
    const port = options.port ?? (await findFreePort(preferred));
    const server = await launch(home, port, options);
    if (await becomesReady(home, server, options.log)) {
      await writeFile(portFile, String(port));
      return { server, port };
    }
    const words = await server.outputTail();
    // Cleans up the record of the process; it has ended already, or hangs in its recovery.
    await server.stop(FAST_SHUTDOWN);
    const isPortTaken = /could not bind|could not create any TCP|Address already in use/i.test(words);
    // The processes of a server that was killed with -9 need a moment to notice it.
    const isStillInUse = /shared memory block.*in use|is another postmaster/i.test(words);
    const mayRetry = (isPortTaken && options.port === undefined) || isStillInUse;
    if (!mayRetry || performance.now() - startedAt > 15_000) throw startError(words, port, isPortTaken, options);
  }
}

function launch(home: PostgresHome, port: number, options: PostgresOptions): Promise<SupervisedServer> {
  const settings = {
    listen_addresses: '127.0.0.1',
    // Sockets in /tmp would collide with other servers of this machine.
    unix_socket_directories: '',
    max_connections: String(MAX_CONNECTIONS),
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...((options.isDurable ?? true) ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  return SupervisedServer.start({
    file: join(home.binaries.folder, 'bin', 'postgres'),
    args: [
      '-D',
      clusterFolder(home),
      '-p',
      String(port),
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    cwd: '/',
    env: options.env ?? {},
    account: home.account,
    folder: options.dataDir,
  });
}

/** @returns false when the server ended before it was ready, or was not ready in time. */
async function becomesReady(home: PostgresHome, server: SupervisedServer, log: ProgressLog): Promise<boolean> {
  const cluster = clusterFolder(home);
  const isDecided = async (): Promise<boolean> => server.hasExited || (await isReady(cluster, server.pid));
  if (!(await waitUntil(isDecided, 3_000))) {
    log('Postgres is still starting: it recovers after it was not stopped properly');
    await waitUntil(isDecided, READY_TIMEOUT_MS);
  }
  return !server.hasExited && (await isReady(cluster, server.pid));
}

function startError(words: string, port: number, isPortTaken: boolean, options: PostgresOptions): LocalServiceError {
  if (isPortTaken) {
    return new LocalServiceError(
      `port ${port} for Postgres is already in use`,
      'stop what listens there, or choose another port',
    );
  }
  return new LocalServiceError(
    `Postgres did not start (${words})`,
    `read ${join(options.dataDir, 'server.log')}, or use a Postgres of your own: DATABASE_URL=postgresql://… npm start`,
  );
}

/** Also proves that the password belongs to the data. */
async function ensureDatabase(url: string): Promise<void> {
  const client = new Client({ connectionString: `${url}/postgres`, connectionTimeoutMillis: 10_000 });
  // A connection that breaks between two statements says so here; the next statement says it again, to us.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [POSTGRES_USER]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${escapeIdentifier(POSTGRES_USER)}`);
  } catch (error) {
    throw new LocalServiceError(
      `the Postgres that was just started cannot be used: ${messageOf(error)}`,
      'if the file "password" beside its data was lost, move the folder away to start empty',
      error,
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}
