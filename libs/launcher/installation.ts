import { join, resolve } from 'node:path';
import { RUNTIME_KINDS, RUNTIMES, type RuntimeKind } from '@crewtab/domain/runtimes';
import { prepareDataFolder } from '../local-services/data-folder';
import { requireFreePort } from '../local-services/free-port';
import { startPostgres } from '../local-services/postgres';
import { startRedis } from '../local-services/redis';
import { LocalServiceError } from '../local-services/service-error';
import type { Setting } from '../config/setting';
import { SETTINGS } from '../config/settings';
import { AppProcess } from './app-process';
import { demoCommand } from './demo-program';
import { findDockerEngine, type DockerEngine } from './docker-engine';
import { redisContainers } from './redis-container';
import { keptSecret, makeApiKey, makeEncryptionKey } from './secrets';
import type { Terminal } from './terminal';

/** dist/, where the compiled apps are. */
const BUILD_DIR = join(__dirname, '../..');
const READY_WITHIN_MS = 90_000;

/** Everything that runs, and how to end it. */
export interface Installation {
  readonly url: string;
  readonly apiKey: string;
  readonly runtime: RuntimeKind;
  /** Null under the process runtime. */
  readonly dockerHost: string | null;
  readonly dataDir: string;
  /** Rejects when one of the apps ends by itself. */
  readonly crashed: Promise<never>;
}

/** What was started, in order; stopped in the reverse order. Also of a start that failed or was interrupted half-way. */
export class Started {
  private readonly stops: { readonly what: string; readonly stop: () => Promise<void> }[] = [];
  private readonly apps: AppProcess[] = [];
  private isStopped = false;

  async add<T extends { stop(): Promise<void> }>(what: string, starting: Promise<T>): Promise<T> {
    const started = await starting;
    this.stops.push({ what, stop: () => started.stop() });
    if (started instanceof AppProcess) this.apps.push(started);
    // A Ctrl-C came while it was starting.
    if (this.isStopped) await started.stop();
    return started;
  }

  /** Idempotent. @returns what could not be stopped in an orderly way */
  async stop(): Promise<string[]> {
    this.isStopped = true;
    const problems: string[] = [];
    for (let next = this.stops.pop(); next; next = this.stops.pop()) {
      const { what, stop } = next;
      await stop().catch((error: unknown) => problems.push(`${what}: ${String(error)}`));
    }
    return problems;
  }

  /** At a second Ctrl-C. Postgres and Redis end by themselves when their starter is gone. */
  kill(): void {
    for (const app of this.apps) app.kill();
  }
}

/** Starts everything that is not there yet. @throws LocalServiceError with one line and how to repair it */
export async function startInstallation(
  env: NodeJS.ProcessEnv,
  started: Started,
  terminal: Terminal,
): Promise<Installation> {
  const dataDir = resolve(env['CREWTAB_DATA_DIR'] || '.crewtab');
  const port = parsePort(env['PORT']);
  const host = env['HOST'] || '127.0.0.1';
  await prepareDataFolder(dataDir);
  await requireFreePort(port, 'PORT', host);
  const { isDemoOnly, ...engine } = await chooseRuntime(env, terminal);
  const [databaseUrl, redisUrl] = await startServices(env, dataDir, started, terminal);
  const apiKey = env['CREWTAB_API_KEY'] || (await keptSecret(dataDir, 'api-key', makeApiKey));
  const encryptionKey =
    env['CREWTAB_ENCRYPTION_KEY'] || (await keptSecret(dataDir, 'encryption-key', makeEncryptionKey));
  const appEnv: NodeJS.ProcessEnv = {
    ...env,
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    PORT: String(port),
    HOST: host,
    CREWTAB_API_KEY: apiKey,
    CREWTAB_ENCRYPTION_KEY: encryptionKey,
    CREWTAB_RUNTIME: engine.runtime,
    CREWTAB_DATA_DIR: dataDir,
    ...(env['ARTIFACT_S3_BUCKET'] ? {} : { ARTIFACT_FOLDER: env['ARTIFACT_FOLDER'] || join(dataDir, 'artifacts') }),
    ...(engine.dockerHost ? { DOCKER_HOST: engine.dockerHost } : {}),
    ...(isDemoOnly ? { CREWTAB_PROCESS_COMMAND: JSON.stringify((await demoCommand()).command) } : {}),
  };
  const secrets = Object.fromEntries(
    Object.entries(appEnv).flatMap(([name, value]) => (value && SECRET_NAMES.has(name) ? [[name, value]] : [])),
  );
  const logDir = join(dataDir, 'logs');
  const apps: AppProcess[] = [];
  for (const name of ['scheduler', 'worker'] as const) {
    terminal.step(`starting the ${name}`);
    const program = join(BUILD_DIR, 'apps', name, 'src/main.js');
    apps.push(
      await started.add(
        name,
        AppProcess.start({ name, program, env: appEnv, secrets, logDir, readyWithinMs: READY_WITHIN_MS }),
      ),
    );
  }
  const crashed = new Promise<never>((_, reject) => apps.forEach((app) => app.onCrash(reject)));
  // Also when no caller waits for it at that moment.
  crashed.catch(() => undefined);
  return { url: `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`, apiKey, ...engine, dataDir, crashed };
}

async function startServices(
  env: NodeJS.ProcessEnv,
  dataDir: string,
  started: Started,
  terminal: Terminal,
): Promise<[string, string]> {
  const log = (line: string): void => terminal.step(line);
  let databaseUrl = env['DATABASE_URL'];
  if (!databaseUrl) {
    terminal.step('starting Postgres (brought along; set DATABASE_URL for your own)');
    databaseUrl = (await started.add('Postgres', startPostgres({ dataDir: join(dataDir, 'postgres'), log }))).url;
  }
  let redisUrl = env['REDIS_URL'];
  if (!redisUrl) {
    terminal.step('starting Redis (set REDIS_URL for your own)');
    const options = { dataDir: join(dataDir, 'redis'), env, log, runContainer: redisContainers(env) };
    redisUrl = (await started.add('Redis', startRedis(options))).url;
  }
  return [databaseUrl, redisUrl];
}

/** `isDemoOnly`: without an engine, and without the user's word that agents may run without isolation. */
async function chooseRuntime(
  env: NodeJS.ProcessEnv,
  terminal: Terminal,
): Promise<ChosenRuntime & { readonly isDemoOnly: boolean }> {
  const wanted = env['CREWTAB_RUNTIME'] ?? '';
  const named = RUNTIME_KINDS.find((kind) => kind === wanted);
  if (wanted !== '' && !named) {
    throw new LocalServiceError(
      `there is no runtime "${wanted}"`,
      `set CREWTAB_RUNTIME to one of ${RUNTIME_KINDS.join(', ')}, or leave it unset`,
    );
  }
  const chosen = named === 'process' ? PROCESS : await lookForDocker(env, named === 'docker', terminal);
  const isDemoOnly = !RUNTIMES[chosen.runtime].isIsolated && named === undefined;
  if (!RUNTIMES[chosen.runtime].isIsolated) terminal.warn(isDemoOnly ? DEMO_ONLY : NO_ISOLATION);
  return { ...chosen, isDemoOnly };
}

/** The process runtime where no engine answers and none is required. */
async function lookForDocker(env: NodeJS.ProcessEnv, isRequired: boolean, terminal: Terminal): Promise<ChosenRuntime> {
  const engine: DockerEngine = await findDockerEngine(env);
  if (engine.isReachable) {
    terminal.step(`agents will run in containers, on the engine at ${engine.dockerHost}`);
    return { runtime: 'docker', dockerHost: engine.dockerHost };
  }
  if (isRequired) {
    throw new LocalServiceError(
      `no container engine answers: ${engine.reason}`,
      'start Docker, or leave CREWTAB_RUNTIME unset to run agents as child processes',
    );
  }
  terminal.step(`no container engine answers (${engine.reason})`);
  return PROCESS;
}

type ChosenRuntime = Pick<Installation, 'runtime' | 'dockerHost'>;

const PROCESS: ChosenRuntime = { runtime: 'process', dockerHost: null };

const NO_ISOLATION =
  'agents run as child processes of this machine: they are NOT isolated, and can read and change what you can. Fine for the demo; use Docker for agents that you do not trust.';
const DEMO_ONLY =
  'agents would run as child processes of this machine, NOT isolated: only the demo may. Start Docker, or set CREWTAB_RUNTIME=process if agents may read and change what you can.';
/** What other processes of this user must not find in the environment of an app. */
const SECRET_NAMES = new Set(
  Object.entries<Setting>(SETTINGS).flatMap(([name, { isSecret }]) => (isSecret ? [name] : [])),
);

function parsePort(text: string | undefined): number {
  const port = text ? Number(text) : 3000;
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new LocalServiceError(
    `PORT must be a whole number from 1 to 65535 (now "${text ?? ''}")`,
    'for example PORT=3000 npm start',
  );
}
