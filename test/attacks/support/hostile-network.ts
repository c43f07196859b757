import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { NetworkNotice } from '@crewtab/domain/ports/egress-proxy';
import type { AllowlistEndpoint } from '@crewtab/domain/ports/runtime';

const run = promisify(execFile);

/** Addresses of the pretended internet, all of them served by one namespace. */
export const ADDRESSES = {
  listed: '11.200.9.9',
  unlisted: '11.200.9.10',
  metadata: '169.254.169.254',
  cgnatMetadata: '100.100.100.200',
  lan: '192.168.77.2',
  nameServer: '10.9.9.53',
  /** Of the worker's host itself, though it looks public. */
  workerHost: '11.200.0.1',
} as const;

/** What the name server of that internet answers, the first answer first and the last one for ever. */
export const NAMES: Readonly<Record<string, readonly string[]>> = {
  'listed.example': [ADDRESSES.listed],
  'unlisted.example': [ADDRESSES.unlisted],
  'loopback.example': ['127.0.0.1'],
  'metadata.example': [ADDRESSES.metadata],
  'lan.example': [ADDRESSES.lan],
  'worker-host.example': [ADDRESSES.workerHost],
  'rebinding.example': [ADDRESSES.listed, '127.0.0.1'],
};

/** Of the worker's host: Postgres, Redis, the API, as they would stand there. */
export const SERVICES = { postgres: 5432, redis: 6379, api: 3000 } as const;
export const WEB_PORTS = [80, 443] as const;

export interface HostileNetwork {
  readonly endpoint: AllowlistEndpoint;
  /** Connections that reached anything but the name server, as `address:port`. */
  readonly reached: string[];
  readonly notices: NetworkNotice[];
  close(): Promise<void>;
}

const EGRESS_PROXY = resolve(__dirname, '../../../dist/libs/egress-proxy/unix-egress-proxy.js');

/**
 * Two network namespaces: the internet, where every address of the table answers, and the host of a worker whose egress proxy
 * serves a run, with its Postgres, Redis and API. Nothing of it is seen from the machine's own network.
 */
export async function makeHostileNetwork(runId: string, hosts: readonly string[]): Promise<HostileNetwork> {
  const id = randomBytes(3).toString('hex');
  const [host, internet] = [`ctab-h-${id}`, `ctab-i-${id}`];
  const rootDir = await mkdtemp(join(tmpdir(), 'egress-'));
  const children: ChildProcess[] = [];
  const close = async (): Promise<void> => {
    for (const child of children.splice(0)) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    for (const name of [host, internet]) await run('ip', ['netns', 'del', name]).catch(() => undefined);
    await rm(`/etc/netns/${host}`, { recursive: true, force: true });
    await rm(rootDir, { recursive: true, force: true });
  };
  try {
    await makeNamespaces(host, internet);
    const reached: string[] = [];
    const notices: NetworkNotice[] = [];
    const start = async (namespace: string, script: string, given: object): Promise<Record<string, unknown>> => {
      const words = ['netns', 'exec', namespace, process.execPath, '-e', script, JSON.stringify(given)];
      const child = spawn('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] });
      children.push(child);
      const lines = createInterface({ input: child.stdout });
      return new Promise((settle, fail) => {
        child.once('exit', (code) => fail(new Error(`a namespace's program ended with ${code}`)));
        lines.on('line', (line) => {
          const said = JSON.parse(line) as {
            reached?: string;
            notice?: NetworkNotice;
            ready?: Record<string, unknown>;
          };
          if (said.reached !== undefined) reached.push(said.reached);
          if (said.notice) notices.push(said.notice);
          if (said.ready) settle(said.ready);
        });
      });
    };
    await start(internet, INTERNET, { ports: WEB_PORTS, nameServer: ADDRESSES.nameServer, names: NAMES });
    const ready = await start(host, WORKER_HOST, {
      ports: Object.values(SERVICES),
      egressProxy: EGRESS_PROXY,
      rootDir,
      runId,
      hosts,
      // That they stand and are reached from here is what makes it mean something when an agent reaches none.
      probes: [
        ...Object.values(ADDRESSES).flatMap((address) =>
          address === ADDRESSES.nameServer || address === ADDRESSES.workerHost ? [] : [[address, 80]],
        ),
        ...Object.values(SERVICES).flatMap((port) => [
          ['127.0.0.1', port],
          [ADDRESSES.workerHost, port],
        ]),
      ],
    });
    reached.length = 0;
    return { endpoint: ready['endpoint'] as AllowlistEndpoint, reached, notices, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function makeNamespaces(host: string, internet: string): Promise<void> {
  await mkdir(`/etc/netns/${host}`, { recursive: true });
  await writeFile(`/etc/netns/${host}/resolv.conf`, `nameserver ${ADDRESSES.nameServer}\n`);
  const steps = [
    `netns add ${host}`,
    `netns add ${internet}`,
    `-n ${host} link add up0 type veth peer name down0 netns ${internet}`,
    `-n ${host} addr add ${ADDRESSES.workerHost}/30 dev up0`,
    `-n ${internet} addr add 11.200.0.2/30 dev down0`,
    ...[host, internet].map((name) => `-n ${name} link set lo up`),
    `-n ${host} link set up0 up`,
    `-n ${internet} link set down0 up`,
    `-n ${host} route add default via 11.200.0.2`,
    ...Object.values(ADDRESSES)
      .filter((address) => address !== ADDRESSES.workerHost)
      .map((address) => `-n ${internet} addr add ${address}/32 dev lo`),
  ];
  for (const step of steps) await run('ip', step.split(' '));
}

/** Common to both programs: servers that tell who reached them, and answer HTTP and anything else alike. */
const SERVERS = `
const net = require('node:net');
const given = JSON.parse(process.argv[1]);
const say = (words) => process.stdout.write(JSON.stringify(words) + '\\n');
const serve = (port) => new Promise((ready) => net.createServer((socket) => {
  say({ reached: socket.localAddress.replace('::ffff:', '') + ':' + socket.localPort });
  socket.on('error', () => undefined).resume();
  socket.end('HTTP/1.1 200 OK\\r\\nContent-Length: 7\\r\\nConnection: close\\r\\n\\r\\nreached');
}).listen(port, '0.0.0.0', ready));
`;

const INTERNET = `${SERVERS}
const asked = new Map();
const answerOf = (query) => {
  const labels = [];
  let at = 12;
  while (query[at] > 0) { labels.push(query.toString('latin1', at + 1, at + 1 + query[at])); at += query[at] + 1; }
  const isA = query.readUInt16BE(at + 1) === 1;
  const name = labels.join('.').toLowerCase();
  const all = given.names[name];
  const turn = asked.get(name) ?? 0;
  if (isA) asked.set(name, turn + 1);
  const address = isA && all ? all[Math.min(turn, all.length - 1)] : null;
  const head = Buffer.from(query.subarray(0, 12));
  head.writeUInt16BE(all ? 0x8180 : 0x8183, 2);
  head.writeUInt16BE(1, 4); head.writeUInt16BE(address ? 1 : 0, 6); head.writeUInt16BE(0, 8); head.writeUInt16BE(0, 10);
  const question = query.subarray(12, at + 5);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...(address ?? '0.0.0.0').split('.').map(Number)]);
  return Buffer.concat([head, question, address ? record : Buffer.alloc(0)]);
};
const dns = require('node:dgram').createSocket('udp4');
dns.on('message', (query, from) => dns.send(answerOf(query), from.port, from.address));
dns.bind(53, given.nameServer, async () => {
  for (const port of given.ports) await serve(port);
  say({ ready: {} });
});
`;

const WORKER_HOST = `${SERVERS}
const { UnixEgressProxy } = require(given.egressProxy);
const logger = { debug() {}, info() {}, warn() {}, error() {}, child() { return logger; } };
const probe = ([host, port]) => new Promise((done, fail) => net.connect(port, host).on('data', done).on('error', fail));
(async () => {
  for (const port of given.ports) await serve(port);
  for (const each of given.probes) await probe(each);
  const proxy = new UnixEgressProxy({ rootDir: given.rootDir, limits: { connections: 256, bytes: 1e9, connectionsPerSecond: 200, bytesPerSecond: 1e8 }, allowedCidrs: [], upstreamProxy: null, logger });
  const { endpoint } = await proxy.open(given.runId, given.hosts, (notice) => say({ notice }));
  say({ ready: { endpoint } });
})();
`;
