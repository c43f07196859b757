import type { Logger } from '@crewtab/domain/ports/logger';
import { openStore } from '@crewtab/store-prisma/open-store';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { eventually } from '../../kit/wait-for';
import { ENCRYPTION_KEY, StoreFixture } from './store-fixture';

let fixture: StoreFixture;

beforeAll(async () => {
  fixture = await StoreFixture.create();
});
afterAll(() => fixture.dispose());

const OTHERS = `datname = current_database() AND pid <> pg_backend_pid()`;

/** As an operator's restart of Postgres would: the server closes connections. */
async function cutConnections(applicationName: string): Promise<void> {
  const cut = await fixture.sql(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${OTHERS} AND application_name = $1`,
    [applicationName],
  );
  expect(cut.length).toBeGreaterThan(0);
}

it('goes on after its connections were cut', async () => {
  const { store } = fixture;
  await store.ping();
  await store.access.hasAnyKey();
  await cutConnections('crewtab');
  await eventually(async () => {
    await store.ping();
    await store.access.hasAnyKey();
    return true;
  });
});

it('survives the loss of a connection that it holds between two statements', async () => {
  const { store } = fixture;
  const work = store.fires.withSingleWriter('held', () => cutConnections('crewtab'));
  await expect(work).rejects.toMatchObject({ code: 'store_unreachable', retryable: true });
  expect(await eventually(() => store.fires.withSingleWriter('held', () => Promise.resolve()))).toBe(true);
});

it('listens again after its notifications were cut, and tells schedule listeners that they may have missed something', async () => {
  const { store } = fixture;
  let scheduleCalls = 0;
  const heard = new Set<string>();
  const subscriptions = [
    await store.fires.onScheduleChanged(() => scheduleCalls++),
    await store.runs.onRunControl((runId) => heard.add(runId)),
  ];
  await cutConnections('crewtab notifications');
  await eventually(() => Promise.resolve(scheduleCalls === 1));
  const schedule = await fixture.schedule();
  const { id } = await fixture.manualRun(schedule.organizationId, schedule.id);
  await store.archive.requestCancel(schedule.organizationId, id);
  await eventually(() => Promise.resolve(heard.has(id)));
  for (const subscription of subscriptions) subscription.close();
});

it('ends a statement that waits too long as unreachable, and the connection serves on', async () => {
  const { store } = fixture;
  const schedule = await fixture.schedule();
  const { id } = await fixture.manualRun(schedule.organizationId, schedule.id);
  const impatient = await openStore({
    databaseUrl: `${fixture.databaseUrl}?options=-c%20lock_timeout%3D100`,
    encryption: { current: ENCRYPTION_KEY },
  });
  try {
    await fixture.whileLocked(id, async () => {
      const claim = impatient.runs.claim(id, { workerId: 'w', host: 'h' });
      await expect(claim).rejects.toMatchObject({ code: 'store_unreachable', retryable: true });
    });
    expect(await impatient.runs.claim(id, { workerId: 'w', host: 'h' })).toMatchObject({ id });
    await store.ping();
  } finally {
    await impatient.close();
  }
});

it('says that Postgres does not answer, at the start and later', async () => {
  const nowhere = openStore({
    databaseUrl: 'postgresql://postgres@127.0.0.1:1/none',
    encryption: { current: ENCRYPTION_KEY },
  });
  await expect(nowhere).rejects.toMatchObject({ code: 'store_unreachable', retryable: true });
});

it('gives up on a server that accepts and never answers', async () => {
  const unresponsive = await UnresponsiveServer.start();
  try {
    const opened = openStore({
      databaseUrl: `postgresql://postgres@127.0.0.1:${unresponsive.port}/none`,
      encryption: { current: ENCRYPTION_KEY },
    });
    await expect(opened).rejects.toMatchObject({ code: 'store_unreachable', retryable: true });
  } finally {
    await unresponsive.stop();
  }
}, 20_000);

it('calls from all its parts unreachable what they could not reach', async () => {
  const proxy = await CuttableProxy.start(fixture.databaseUrl);
  const store = await openStore({ databaseUrl: proxy.url, encryption: { current: ENCRYPTION_KEY } });
  const organizationId = await fixture.organization();
  try {
    await store.ping();
    await proxy.stop();
    const unreachable = { code: 'store_unreachable', retryable: true };
    const id = '01890000-0000-7000-8000-000000000000';
    const page = { limit: 1, cursor: null };
    await expect(store.ping()).rejects.toMatchObject(unreachable);
    await expect(store.teams.listTeams(organizationId, page)).rejects.toMatchObject(unreachable);
    await expect(store.teams.deleteTeam(organizationId, id)).rejects.toMatchObject(unreachable);
    await expect(store.teams.updateTeam(organizationId, id, { agents: [] })).rejects.toMatchObject(unreachable);
    await expect(store.access.findKey('x')).rejects.toMatchObject(unreachable);
    await expect(store.archive.getDeployment(organizationId, id)).rejects.toMatchObject(unreachable);
    await expect(store.schedules.listSchedules(organizationId, {}, page)).rejects.toMatchObject(unreachable);
    await expect(store.fires.withSingleWriter('x', () => Promise.resolve())).rejects.toMatchObject(unreachable);
    await expect(store.runs.lookUp([])).rejects.toMatchObject(unreachable);
    await expect(store.runs.onRunControl(() => undefined)).rejects.toMatchObject(unreachable);
  } finally {
    await store.close();
  }
});

describe('the encryption key', () => {
  it('must be the one that the database was first used with', async () => {
    const other = openStore({ databaseUrl: fixture.databaseUrl, encryption: { current: Buffer.alloc(32, 8) } });
    await expect(other).rejects.toMatchObject({
      code: 'internal',
      retryable: false,
      message: expect.stringContaining(
        'CREWTAB_ENCRYPTION_KEY is not the key that this database was written with',
      ) as string,
    });
    const same = await openStore({
      databaseUrl: fixture.databaseUrl,
      encryption: { current: ENCRYPTION_KEY.toString('base64') },
    });
    expect(await same.runs.installationId()).toBe(await fixture.store.runs.installationId());
    await same.close();
  });
});

it('says in the log that a connection broke, without failing anything', async () => {
  const warnings: string[] = [];
  const quiet = (): void => undefined;
  const logger: Logger = {
    debug: quiet,
    info: quiet,
    error: quiet,
    warn: (_fields, message) => warnings.push(message),
    child: () => logger,
  };
  const proxy = await CuttableProxy.start(fixture.databaseUrl);
  const store = await openStore({ databaseUrl: proxy.url, encryption: { current: ENCRYPTION_KEY }, logger });
  await store.ping();
  await proxy.stop();
  await eventually(() => Promise.resolve(warnings.includes('an idle connection to Postgres broke')));
  await store.close();
});

class UnresponsiveServer {
  private constructor(
    private readonly server: Server,
    private readonly sockets: Set<Socket>,
  ) {}

  static async start(onConnection: (socket: Socket) => void = () => undefined): Promise<UnresponsiveServer> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      onConnection(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new UnresponsiveServer(server, sockets);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}

/** Carries bytes to Postgres until it is stopped. */
class CuttableProxy {
  private constructor(
    readonly url: string,
    private readonly server: UnresponsiveServer,
  ) {}

  static async start(databaseUrl: string): Promise<CuttableProxy> {
    const target = new URL(databaseUrl);
    const server = await UnresponsiveServer.start((socket) => {
      const upstream = connect(Number(target.port || 5432), target.hostname);
      upstream.on('error', () => socket.destroy());
      socket.on('close', () => upstream.destroy());
      upstream.on('close', () => socket.destroy());
      socket.pipe(upstream).pipe(socket);
    });
    const url = new URL(databaseUrl);
    url.hostname = '127.0.0.1';
    url.port = String(server.port);
    return new CuttableProxy(url.href, server);
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}
