import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { importDemoImage } from '@crewtab/launcher/demo-program';
import { findFreePort } from '@crewtab/local-services/free-port';
import { EvidenceFolder } from './evidence-folder';
import { FaultLog } from './fault-log';
import { FaultProxy } from '../kit/proxy';
import { Processes, processNames, type ProcessLinks } from './processes';
import { openEngineServer, type EngineServer } from '../kit/servers/engine-server';
import { PostgresServer } from '../kit/servers/postgres-server';
import { RedisServer } from '../kit/servers/redis-server';
import { guardOfThisMachine } from '../kit/services/guard-folder';
import { mountRecord } from './record-mount';
import { ShiftedClock } from './shifted-clock';
import type { Shutdown } from '../kit/shutdown';

/** Everything of one chaos run that stands before the first process of the product is started. */
export interface ChaosEnvironment {
  readonly evidence: EvidenceFolder;
  readonly faultLog: FaultLog;
  readonly postgres: PostgresServer;
  readonly redis: RedisServer;
  readonly docker: EngineServer;
  readonly clock: ShiftedClock | null;
  readonly links: ReadonlyMap<string, ProcessLinks>;
  readonly processes: Processes;
  readonly image: string;
  readonly dataDir: string;
}

/** Long paths do not fit into a unix socket's address, and the user `postgres` must be able to walk here. */
const ROOT = '/var/tmp';

/** Servers, proxies and folders. What is started is handed to `shutdown` at once. */
export async function prepareEnvironment(
  evidence: EvidenceFolder,
  shutdown: Shutdown,
  log: (line: string) => void,
): Promise<ChaosEnvironment> {
  const folder = await mkdtemp(join(ROOT, 'crewtab-chaos-'));
  await chmod(folder, 0o711);
  shutdown.add('the servers’ folder', () => rm(folder, { recursive: true, force: true }));
  const postgres = await PostgresServer.start(folder);
  shutdown.add('Postgres', () => postgres.stop());
  const redis = await RedisServer.start(folder);
  shutdown.add('Redis', () => redis.stop());
  const docker = await openEngineServer(folder, join(evidence.path, 'logs/dockerd.log'));
  shutdown.add('the container engine', () => docker.stop());
  if (docker.whyNoFaults !== null)
    log(`${docker.whyNoFaults}: using ${docker.dockerHost}, whose own faults are left out`);
  if (docker.whyNoFaults === null && guardOfThisMachine() === null) {
    throw new Error('the build has no guard, without which an engine that ends loses output: install a C compiler');
  }
  log('loading the demo image');
  const image = await importDemoImage(docker.dockerHost, () => undefined);
  const clock = ShiftedClock.find(folder);
  if (clock === null) log('libfaketime is not installed: the fault of a shifted clock is left out');
  const dataDir = join(folder, 'data');
  await mkdir(dataDir);
  const ports = await apiPorts();
  const links = await openLinks({ folder, postgres, redis, docker, ports, record: evidence.makePromptRecord() });
  shutdown.add('the proxies', async () => {
    for (const link of [...links.values()].flatMap((each) => Object.values(each) as (FaultProxy | null)[])) {
      await link?.close();
    }
  });
  const processes = new Processes({
    dataDir,
    evidence,
    links,
    ports,
    databaseUrlAt: (port) => postgres.url.replace(`:${postgres.port}/`, `:${port}/`),
    redisUrlAt: (port) => redis.urlAt(port),
    clockEnv: clock?.env ?? {},
  });
  const faultLog = new FaultLog(evidence);
  return { evidence, faultLog, postgres, redis, docker, clock, links, processes, image, dataDir };
}

/** Of the schedulers' REST API. */
async function apiPorts(): Promise<Map<string, number>> {
  const names = processNames().filter((name) => name.startsWith('scheduler'));
  const ports = await Promise.all(names.map(() => findFreePort()));
  return new Map(names.map((name, index) => [name, ports[index] ?? 0]));
}

interface LinkEnds {
  readonly folder: string;
  readonly postgres: PostgresServer;
  readonly redis: RedisServer;
  readonly docker: EngineServer;
  readonly ports: ReadonlyMap<string, number>;
  readonly record: string;
}

/** Each process has its own way to each service. */
async function openLinks(ends: LinkEnds): Promise<Map<string, ProcessLinks>> {
  const { folder, postgres, redis, docker, ports, record } = ends;
  const links = new Map<string, ProcessLinks>();
  const host = '127.0.0.1';
  for (const name of processNames()) {
    const port = ports.get(name);
    const isWorker = port === undefined;
    links.set(name, {
      postgres: await FaultProxy.open({ name: `${name} → postgres`, to: { host, port: postgres.port } }),
      redis: await FaultProxy.open({ name: `${name} → redis`, to: { host, port: redis.port } }),
      docker: isWorker
        ? await FaultProxy.open({
            name: `${name} → docker`,
            to: { path: docker.dockerHost.replace('unix://', '') },
            path: join(folder, `${name.replace(' ', '-')}.sock`),
            rewriteOf: () => mountRecord(record),
          })
        : null,
      api: isWorker ? null : await FaultProxy.open({ name: `client → ${name}`, to: { host, port } }),
    });
  }
  return links;
}
