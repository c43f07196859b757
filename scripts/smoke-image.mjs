// `node scripts/smoke-image.mjs IMAGE`: starts the scheduler and a worker from an image, as docker-compose.yml does, with a
// Postgres and a Redis of this machine, and has a team of two do a run. Exit code 0 only if all is well. Linux only.
// Needs a build (npm run build), the docker command, and the engine's socket in DOCKER_HOST or its usual place.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { projectFolder } from './lib/project.mjs';

const image = process.argv[2];
if (!image) throw new Error('which image? node scripts/smoke-image.mjs IMAGE');
const built = createRequire(join(projectFolder, 'dist/package.json'));
const { startPostgres } = built('./libs/local-services/postgres.js');
const { startRedis } = built('./libs/local-services/redis.js');
const { redisContainers } = built('./libs/launcher/redis-container.js');
const { findFreePort } = built('./libs/local-services/free-port.js');

const LIMIT_MS = 90_000;
const socket = (process.env.DOCKER_HOST || 'unix:///var/run/docker.sock').replace('unix://', '');
const folder = mkdtempSync('/var/tmp/crewtab-smoke-');
const dataDir = join(folder, 'data');
const key = randomBytes(24).toString('hex');
const log = (line) => console.log(`· ${line}`);
const stops = [() => rmSync(folder, { recursive: true, force: true })];

try {
  await smoke();
  console.log('The image works');
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  for (const stop of stops.reverse()) await stop();
}

async function smoke() {
  chmodSync(folder, 0o755);
  const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), log });
  stops.push(() => postgres.stop());
  const redis = await startRedis({
    dataDir: join(folder, 'redis'),
    env: process.env,
    log,
    runContainer: redisContainers(process.env),
  });
  stops.push(() => redis.stop());
  mkdirSync(dataDir, { mode: 0o700 });
  chownSync(dataDir, 1000, 1000);
  const port = await findFreePort();
  const settings = {
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    CREWTAB_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
  };
  start('scheduler', { ...settings, CREWTAB_API_KEY: key, HOST: '127.0.0.1', PORT: String(port) }, [], []);
  start(
    'worker',
    { ...settings, CREWTAB_DATA_DIR: dataDir },
    [
      `--group-add=${statSync(socket).gid}`,
      `--volume=${socket}:/var/run/docker.sock`,
      `--volume=${dataDir}:${dataDir}`,
    ],
    ['node', '--enable-source-maps', 'dist/apps/worker/src/main.js'],
  );
  const url = `http://127.0.0.1:${port}`;
  await until('the scheduler is ready', async () => (await fetch(`${url}/readyz`)).ok);
  for (const name of ['scheduler', 'worker'])
    await until(`the ${name} is healthy`, () => inspect(name, '{{.State.Health.Status}}') === 'healthy');
  await runTeam(`${url}/api/v1`);
}

/** A run in which the leader delegates, so that the socket's folder is mounted from the host. The image is the agents' too. */
async function runTeam(api) {
  const agent = { protocol: 'acp', image, command: ['node', '/app/dist/images/demo-agent/demo-agent.js'] };
  const agents = [
    { name: 'lead', role: 'leader', ...agent },
    { name: 'mate', role: 'worker', ...agent },
  ];
  const team = await post(`${api}/teams`, { name: 'smoke', agents });
  const prompt = 'delegate mate: answer hello from mate';
  const schedule = await post(`${api}/schedules`, { teamId: team.id, name: 'smoke', prompt, cron: '0 0 1 1 *' });
  const { id } = await post(`${api}/schedules/${schedule.id}/trigger`, {});
  let run;
  await until('the run is over', async () => (run = await get(`${api}/runs/${id}`)).phase === 'finished');
  log(`${run.status}: ${JSON.stringify(run.result ?? run.error)}, torn down: ${JSON.stringify(run.teardown)}`);
  if (run.status !== 'success' || !run.result.includes('hello from mate'))
    throw new Error(`the run ended as ${run.status}`);
  const [host] = (await get(`${api}/system`)).hosts;
  log(`the host: ${host.description}`);
  if (host.description.includes('no guard')) throw new Error('the image has no guard for this architecture');
}

function start(name, env, options, command) {
  const variables = Object.entries(env).map(([variable, value]) => `--env=${variable}=${value}`);
  const healthCommand = name === 'worker' ? ['--health-cmd=node dist/apps/worker/src/healthcheck.js'] : [];
  const rights = ['--read-only', '--tmpfs=/tmp', '--cap-drop=ALL', '--security-opt=no-new-privileges:true', '--init'];
  const named = [`--name=${containerOf(name)}`, '--detach', '--network=host', '--health-interval=2s'];
  stops.push(() => docker('rm', '--force', '--volumes', containerOf(name)));
  docker('run', ...named, ...rights, ...healthCommand, ...variables, ...options, image, ...command);
  // While the first checks fail, the log says why.
  stops.push(() => process.exitCode === 1 && console.error(docker('logs', '--tail=30', containerOf(name))));
}

async function until(what, isSo) {
  const startedAt = Date.now();
  for (;;) {
    const answer = await Promise.resolve(isSo()).catch(() => false);
    if (answer) return log(`${what} (${((Date.now() - startedAt) / 1000).toFixed(1)} s)`);
    if (Date.now() - startedAt > LIMIT_MS) throw new Error(`not so within ${LIMIT_MS / 1000} s: ${what}`);
    await delay(250);
  }
}

function containerOf(name) {
  return `crewtab-smoke-${process.pid}-${name}`;
}

function inspect(name, format) {
  return docker('inspect', `--format=${format}`, containerOf(name)).trim();
}

function docker(...args) {
  return execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function get(url) {
  return call(url, {});
}

function post(url, body) {
  return call(url, { method: 'POST', body: JSON.stringify(body) });
}

async function call(url, init) {
  const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' };
  const response = await fetch(url, { ...init, headers });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return response.json();
}
