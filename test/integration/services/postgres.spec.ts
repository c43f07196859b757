import { execFileSync } from 'node:child_process';
import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Client } from 'pg';
import { identifyProcess } from '@crewtab/local-services/process-identity';
import { startPostgres, type LocalPostgres, type PostgresOptions } from '@crewtab/local-services/postgres';
import { endLeftoverProcesses, startNode } from '../../kit/processes';
import { makeServiceFolder } from '../../kit/services/test-services';
import { eventually } from '../../kit/wait-for';

/** Defines a test for the one kind of user only: what the other may do differs, so there is nothing to skip. */
function runFor(user: 'root' | 'ordinary user', name: string, test: () => Promise<void>): void {
  if ((process.getuid?.() === 0) === (user === 'root')) it(name, test);
}

// Every start takes its while on a busy machine.
jest.setTimeout(60_000);

/** Data of a first start, which most tests begin with a copy of: making it takes ten times as long. */
let pristine: string;
let folder: string;
let dataDir: string;
let lines: string[];
const started: LocalPostgres[] = [];

beforeAll(async () => {
  pristine = await makeServiceFolder();
  dataDir = join(pristine, 'postgres');
  await (await start()).stop();
});

afterAll(() => rm(pristine, { recursive: true, force: true }));

beforeEach(async () => {
  folder = await makeServiceFolder();
  dataDir = join(folder, 'postgres');
  execFileSync('cp', ['-a', join(pristine, 'postgres'), dataDir]);
  lines = [];
});

afterEach(async () => {
  for (const postgres of started.splice(0)) await postgres.stop();
  await rm(folder, { recursive: true, force: true });
  await endLeftoverProcesses();
});

async function start(options: Partial<PostgresOptions> = {}): Promise<LocalPostgres> {
  const postgres = await startPostgres({ dataDir, isDurable: false, log: (line) => lines.push(line), ...options });
  started.push(postgres);
  return postgres;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows.map((row) => Object.values(row)[0]);
  } finally {
    await client.end();
  }
}

/** Starts Postgres on `dataDir` from a process of its own, which then waits to be killed. */
async function startElsewhere(): Promise<{ kill: () => Promise<void>; serverPid: number }> {
  const module = resolve('libs/local-services/postgres.ts');
  const script = `require(${JSON.stringify(module)})
    .startPostgres({ dataDir: ${JSON.stringify(dataDir)}, isDurable: false, log: console.log })
    .then((postgres) => { console.log('server ' + postgres.pid); setInterval(() => undefined, 1000); });`;
  const child = startNode('starter', ['--require', resolve('test/support/typescript-hook.cjs'), '-e', script]);
  const line = await child.waitForLine(/^server /);
  return {
    serverPid: Number(line.slice('server '.length)),
    kill: async () => {
      child.kill('SIGKILL');
      await child.exited;
    },
  };
}

describe('a Postgres of our own', () => {
  it('finds everything again at the second start, on the same port', async () => {
    const first = await start();
    await query(first.url, 'CREATE TABLE kept (n int)');
    await query(first.url, 'INSERT INTO kept VALUES (42)');
    await first.stop();

    const second = await start();

    expect(second.url).toBe(first.url);
    expect(await query(second.url, 'SELECT n FROM kept')).toEqual([42]);
  });

  it('listens on loopback only, asks for its password and allows many connections', async () => {
    const postgres = await start();

    expect(await query(postgres.url, 'SHOW listen_addresses')).toEqual(['127.0.0.1']);
    expect(await query(postgres.url, 'SHOW max_connections')).toEqual(['200']);
    const url = new URL(postgres.url);
    url.password = 'guessed';
    await expect(query(url.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
  });

  it('keeps its password where only this user reads it', async () => {
    const postgres = await start();

    const file = join(dataDir, 'password');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(postgres.url).toContain((await readFile(file, 'utf8')).trim());
  });

  it('ends its server with stop, even with a connection open', async () => {
    const postgres = await start();
    const client = new Client({ connectionString: postgres.url });
    const errors: string[] = [];
    client.on('error', (error) => errors.push(error.message));
    await client.connect();

    await postgres.stop();

    await eventually(() => expect(errors.join()).toMatch(/terminat/));
    expect(await identifyProcess(postgres.pid)).toBeNull();
  });

  it('comes back with its committed data after its server was killed', async () => {
    const first = await start({ isDurable: true });
    await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS n');
    process.kill(first.pid, 'SIGKILL');
    await first.stop();

    const second = await start();

    expect(await query(second.url, 'SELECT n FROM kept')).toEqual([7]);
  });

  it('does not outlive a starter that was killed', async () => {
    const other = await startElsewhere();

    await other.kill();

    await eventually(async () => (await identifyProcess(other.serverPid)) === null);
    const postgres = await start();
    expect(await query(postgres.url, 'SELECT 1')).toEqual([1]);
  });

  it('refuses a second start on data that is in use', async () => {
    const other = await startElsewhere();

    await expect(start()).rejects.toMatchObject({
      message: expect.stringMatching(/in use by process \d+/),
      hint: expect.stringContaining('another npm start'),
    });
    await other.kill();
  });

  it('stops a server that was left running on its data', async () => {
    const first = await start();
    // What a killed starter leaves running when its guard was killed too.
    await rm(join(dataDir, 'owner.json'));

    const second = await start();

    expect(lines).toContain('stopped the Postgres of an earlier start');
    expect(await identifyProcess(first.pid)).toBeNull();
    expect(await query(second.url, 'SELECT 1')).toEqual([1]);
  });

  it('is not misled by a pid file that names some other process', async () => {
    await writeFile(join(dataDir, 'cluster/postmaster.pid'), `${process.pid}\n${join(dataDir, 'cluster')}\n`);

    const postgres = await start();

    expect(await query(postgres.url, 'SELECT 1')).toEqual([1]);
  });

  it('says how to go on with the data of another major version', async () => {
    await writeFile(join(dataDir, 'cluster/PG_VERSION'), '17\n');

    await expect(start()).rejects.toMatchObject({
      message: expect.stringMatching(/holds data of Postgres 17, and this Crewtab brings Postgres 18/),
      hint: expect.stringContaining('move '),
    });
  });

  it('says so when its port is taken', async () => {
    const first = await start();
    dataDir = join(folder, 'another');
    execFileSync('cp', ['-a', join(pristine, 'postgres'), dataDir]);

    await expect(start({ port: first.port })).rejects.toMatchObject({
      message: `port ${first.port} for Postgres is already in use`,
    });
  });

  it('says so when a file is in the place of its folder', async () => {
    await rm(dataDir, { recursive: true });
    await writeFile(dataDir, '');

    await expect(start()).rejects.toMatchObject({ message: `${dataDir} cannot be made: a file is in its place` });
  });

  runFor('root', 'goes elsewhere when root keeps the clone where no other user can look', async () => {
    await rm(dataDir, { recursive: true });
    await chmod(folder, 0o700);

    const first = await start();
    await query(first.url, 'CREATE TABLE kept AS SELECT 5 AS n');
    await first.stop();
    const second = await start();

    expect(await query(second.url, 'SELECT n FROM kept')).toEqual([5]);
    const location: unknown = JSON.parse(await readFile(join(dataDir, 'location.json'), 'utf8'));
    expect(location).toEqual({ folder: expect.stringMatching(/\/crewtab\/.+-[0-9a-f]{8}$/) });
    expect(lines[0]).toMatch(/keeps its data in .* because its user cannot reach/);
    await second.stop();
    const { folder: place } = location as { folder: string };
    expect(dirname(place)).toMatch(/\/crewtab$/);
    await rm(place, { recursive: true });
  });

  runFor('ordinary user', 'says so when it may not write into its folder', async () => {
    await rm(dataDir, { recursive: true });
    await chmod(folder, 0o500);

    await expect(start()).rejects.toMatchObject({ hint: expect.stringContaining('this user may not make folders') });
    await chmod(folder, 0o700);
  });
});
