import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { ApiClient, saidIn, type AgentInput, type TeamInput } from '../kit/client';
import { Installation, untilEndedInOrder, untilReady } from '../kit/installation';
import type { StartedProcess } from '../kit/processes';
import { createTestDatabase, type TestDatabase } from '../kit/services/database';
import { startE2eRedis, type E2eRedis } from '../kit/services/redis-container';
import { AGENT_IMAGE, describeWithCluster } from './cluster';
import type { TestNamespace } from './namespace';

jest.setTimeout(240_000);

/** The demo agent is one file, which comes in variables: so the image needs nothing of it. */
const AGENT_PROGRAM = `const { env } = process, fs = require('fs');
const packed = Buffer.from(env.PROGRAM_1 + env.PROGRAM_2 + env.PROGRAM_3, 'base64');
fs.writeFileSync('/tmp/agent.cjs', require('zlib').brotliDecompressSync(packed));
require('/tmp/agent.cjs');`;
const LONGEST_VALUE = 32_000;

async function agentFields(): Promise<Pick<AgentInput, 'image' | 'protocol' | 'command' | 'env'>> {
  const packed = brotliCompressSync(await readFile(resolve('dist/images/demo-agent/demo-agent.js'))).toString('base64');
  const env = Object.fromEntries(
    [0, 1, 2].map((at) => [`PROGRAM_${at + 1}`, packed.slice(at * LONGEST_VALUE, (at + 1) * LONGEST_VALUE)]),
  );
  if (packed.length > 3 * LONGEST_VALUE)
    throw new Error(`the demo agent has ${packed.length} bytes: it needs more variables`);
  return { image: AGENT_IMAGE, protocol: 'acp', command: ['/usr/bin/node', '-e', AGENT_PROGRAM], env };
}

/** A scheduler and workers of their own, whose teams run in the namespace. */
class ClusterCrewtab {
  readonly workers: StartedProcess[] = [];
  private scheduler: StartedProcess | null = null;
  private apiClient: ApiClient | null = null;

  private constructor(
    private readonly installation: Installation,
    private readonly redis: E2eRedis,
    private readonly database: TestDatabase,
    private readonly dataDir: string,
  ) {}

  static async start(
    { kubeconfig }: TestNamespace,
    workers: number,
    workerEnv: Readonly<Record<string, string>> = { KUBERNETES_UNENFORCED_NETWORK_ALLOWED: 'true' },
  ): Promise<ClusterCrewtab> {
    const [redis, database] = [await startE2eRedis(), await createTestDatabase()];
    const dataDir = await mkdtemp(join(tmpdir(), 'crewtab-cluster-'));
    const env = { CREWTAB_RUNTIME: 'kubernetes', KUBECONFIG: kubeconfig, KUBERNETES_KEEPER_IMAGE: AGENT_IMAGE };
    const installation = new Installation({
      databaseUrl: database.url,
      redisUrl: redis.url,
      dataDir,
      dockerHost: null,
      env: { scheduler: env, worker: { ...env, ...workerEnv } },
    });
    const crewtab = new ClusterCrewtab(installation, redis, database, dataDir);
    try {
      const { process, api } = await installation.startScheduler('scheduler');
      [crewtab.scheduler, crewtab.apiClient] = [process, api];
      await untilReady(process);
      for (let number = 1; number <= workers; number++) {
        // Each on a machine of its own, as the pods of a Deployment are.
        const own = { CREWTAB_DATA_DIR: join(dataDir, `worker-${number}`) };
        crewtab.workers.push(installation.start('worker', `worker ${number}`, { env: own }));
      }
      await Promise.all(crewtab.workers.map((worker) => untilReady(worker)));
      return crewtab;
    } catch (error) {
      await crewtab.stop().catch(() => undefined);
      throw error;
    }
  }

  get api(): ApiClient {
    if (this.apiClient === null) throw new Error('no scheduler is ready');
    return this.apiClient;
  }

  /** @param network of the team; default that of a team that says nothing */
  async run(agents: AgentInput[], prompt: string, timeout = '10m', network?: TeamInput['network']): Promise<string> {
    const more = network === undefined ? {} : { network };
    const team = await this.api.createTeam({ name: `Team ${Math.random()}`, agents, ...more });
    const schedule = await this.api.createSchedule({ teamId: team.id, name: 'x', prompt, timeout, cron: '0 0 1 1 *' });
    return (await this.api.trigger(schedule.id)).id;
  }

  async workerOf(runId: string): Promise<StartedProcess> {
    const begun = new RegExp(`${runId}.*run begun`);
    return Promise.race(this.workers.map(async (worker) => worker.waitForLine(begun).then(() => worker)));
  }

  async stop(): Promise<void> {
    const running = [...this.workers, this.scheduler].filter(
      (one) => one !== null && !one.hasExited,
    ) as StartedProcess[];
    for (const one of running) one.kill();
    await Promise.all(running.map((one) => untilEndedInOrder(one, 15_000)));
    await this.installation.close();
    await this.redis.stop();
    await this.database.drop();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

const NO_NETWORK = { mode: 'none', hosts: [] } as const;

/** The tests' image has few programs. */
function node(call: string): string {
  return `/usr/bin/node -e "require('fs').${call}"`;
}

/** By the agent's own proxy. */
function ask(host: string): string {
  const url = `http://${host}/`;
  const script = `const port = process.env.HTTP_PROXY.split(':')[2]; require('http').get({ host: '127.0.0.1', port, path: '${url}' }, (answer) => { console.log('status ' + answer.statusCode); answer.on('data', (bytes) => console.log(String(bytes))); });`;
  return `shell /usr/bin/node -e "${script}"`;
}

async function leftIn({ admin }: TestNamespace): Promise<string[]> {
  const kinds = ['pods', 'configmaps', 'networkpolicies'] as const;
  const found = await Promise.all(kinds.map(async (kind) => (await admin.list(kind, 'crewtab.run')).items));
  return found.flat().map(({ metadata }) => metadata.name);
}

describeWithCluster('a team on a real cluster', (namespace) => {
  let crewtab: ClusterCrewtab | undefined;
  let lead: AgentInput;
  let helper: AgentInput;

  beforeAll(async () => {
    const fields = await agentFields();
    lead = { name: 'lead', role: 'leader', ...fields };
    helper = { name: 'helper', role: 'worker', ...fields };
  });
  afterEach(async () => {
    await crewtab?.stop();
    crewtab = undefined;
  });

  it('works together, succeeds, and leaves nothing', async () => {
    crewtab = await ClusterCrewtab.start(namespace(), 1);
    const { api } = crewtab;
    const id = await crewtab.run([lead, helper], 'delegate helper: say from the helper');
    expect(await api.untilFinished(id, 120_000)).toMatchObject({ status: 'success', error: null });
    expect(saidIn(await api.messages(id))).toContain('from the helper');
    expect(await leftIn(namespace())).toEqual([]);
  });

  it('goes on with another worker when its own is killed', async () => {
    crewtab = await ClusterCrewtab.start(namespace(), 2);
    const { api } = crewtab;
    const id = await crewtab.run([lead, helper], 'delegate helper: work 20s\\nanswer from the helper');
    await api.untilRun(id, async () => (await api.messages(id)).some(({ kind }) => kind === 'delegation'));
    const worker = await crewtab.workerOf(id);
    worker.kill('SIGKILL');
    await worker.exited;
    const run = await api.untilFinished(id, 180_000);
    expect(run).toMatchObject({ status: 'success', error: null });
    const messages = await api.messages(id);
    expect(messages.filter(({ kind }) => kind === 'prompt')).toHaveLength(1);
    expect(messages.filter(({ kind }) => kind === 'delegation')).toHaveLength(2);
    expect(await leftIn(namespace())).toEqual([]);
  });

  it.each([
    ['at its deadline', 'hang', '20s', 'timeout', 'timeout'],
    ['when its program crashes', 'answer before\ncrash', '2m', 'failed', 'agent_exited'],
    ['when it floods its output', 'flood 30MB', '2m', 'failed', 'output_limit'],
  ])('is ended %s, and leaves nothing', async (_, prompt, timeout, status, code) => {
    crewtab = await ClusterCrewtab.start(namespace(), 1, { AGENT_OUTPUT_LIMIT: '10m' });
    const id = await crewtab.run([lead], prompt, timeout, NO_NETWORK);
    expect(await crewtab.api.untilFinished(id, 150_000)).toMatchObject({ status, error: { code } });
    expect(await leftIn(namespace())).toEqual([]);
  });

  it('is ended by a person, and leaves nothing', async () => {
    crewtab = await ClusterCrewtab.start(namespace(), 1);
    const { api } = crewtab;
    const id = await crewtab.run([lead], 'answer begun\nhang');
    await api.untilRun(id, async () => saidIn(await api.messages(id)).includes('begun'));
    await api.cancel(id);
    expect(await api.untilFinished(id, 120_000)).toMatchObject({ status: 'cancelled' });
    expect(await leftIn(namespace())).toEqual([]);
  });

  it('carries a line of 8 MB, a shell, a file of the workspace and its variables', async () => {
    crewtab = await ClusterCrewtab.start(namespace(), 1);
    const { api } = crewtab;
    const prompt = 'line 8MB\nwrite note.txt written here\nshell cat note.txt\nwhoami\nenv NODE_GREETING';
    const id = await crewtab.run([{ ...lead, env: { ...lead.env, NODE_GREETING: 'grüße' } }], prompt);
    expect(await api.untilFinished(id, 150_000)).toMatchObject({ status: 'success', error: null });
    const said = saidIn(await api.messages(id));
    expect(said).toContain('written here');
    expect(said).toContain('grüße');
    expect(said).toMatch(/uid\D*1000/);
    expect(await leftIn(namespace())).toEqual([]);
  });

  it('finds the files of its workspace, and what it leaves is verified and kept', async () => {
    crewtab = await ClusterCrewtab.start(namespace(), 1);
    const { api } = crewtab;
    const team = await api.createTeam({
      name: 'w',
      agents: [lead],
      network: NO_NETWORK,
      workspace: { files: { 'given.txt': 'given' } },
    });
    // It finds what the agent wrote, a link too, and what it changes is kept.
    const command = ['/bin/sh', '-c', `cat linked.txt && echo verified >> report.md && ${node("rmSync('gone.txt')")}`];
    const schedule = await api.createSchedule({
      teamId: team.id,
      name: 'w',
      prompt: `shell cat given.txt > report.md; echo > gone.txt; ${node("symlinkSync('report.md', 'linked.txt')")}\nanswer done`,
      timeout: '5m',
      cron: '0 0 1 1 *',
      verify: { files: ['report.md'], command },
      artifacts: ['*.md', 'gone.txt'],
    });
    const { id } = await api.trigger(schedule.id);
    const run = await api.untilFinished(id, 150_000);
    expect(run).toMatchObject({ status: 'success', error: null });
    expect(run.verification?.checks.map(({ kind, status }) => [kind, status])).toEqual([
      ['file', 'passed'],
      ['command', 'passed'],
    ]);
    // Without gone.txt.
    expect(run.artifacts).toMatchObject({ count: 1, bytes: 'givenverified\n'.length });
    expect(await leftIn(namespace())).toEqual([]);
  });

  it('fails where its work does not hold', async () => {
    crewtab = await ClusterCrewtab.start(namespace(), 1);
    const { api } = crewtab;
    const team = await api.createTeam({ name: 'f', agents: [lead], network: NO_NETWORK });
    const verify = { command: ['/bin/sh', '-c', 'echo not good; exit 3'] };
    const schedule = { teamId: team.id, name: 'f', prompt: 'answer done', timeout: '5m', cron: '0 0 1 1 *', verify };
    const { id } = await api.trigger((await api.createSchedule(schedule)).id);
    expect(await api.untilFinished(id, 150_000)).toMatchObject({
      status: 'failed',
      error: { code: 'verification_failed' },
    });
    expect(await leftIn(namespace())).toEqual([]);
  });

  it('is refused where a cluster could not keep to it', async () => {
    crewtab = await ClusterCrewtab.start(namespace(), 0);
    const { api } = crewtab;
    // What a client without types may send.
    const withoutCommand = { ...lead, command: undefined } as unknown as AgentInput;
    await expect(api.createTeam({ name: 'a', agents: [withoutCommand] })).rejects.toMatchObject({
      errors: [expect.objectContaining({ path: 'agents.0.command' })],
    });
    const workspace = { git: { url: 'https://git.example/a' } };
    await expect(api.createTeam({ name: 'b', agents: [lead], workspace })).rejects.toMatchObject({
      errors: [expect.objectContaining({ path: 'workspace.git' })],
    });
  });

  it('reaches listed hosts alone by its proxies, which know who asks', async () => {
    const listed = createServer((_, response) => void response.end('from the listed host'));
    await once(listed.listen(0, '127.0.0.1'), 'listening');
    const { port } = listed.address() as AddressInfo;
    crewtab = await ClusterCrewtab.start(namespace(), 1, {
      KUBERNETES_UNENFORCED_NETWORK_ALLOWED: 'true',
      NETWORK_ALLOWED_CIDRS: '127.0.0.0/8',
    });
    const { api } = crewtab;
    try {
      const network = { mode: 'allowlist', hosts: [`127.0.0.1:${port}`] } as const;
      const prompt = `${ask(`127.0.0.1:${port}`)}\ndelegate helper: ${ask('other.example:80')}`;
      const id = await crewtab.run([lead, helper], prompt, '5m', network);
      expect(await api.untilFinished(id, 120_000)).toMatchObject({ status: 'success', error: null });
      const messages = await api.messages(id);
      expect(saidIn(messages)).toContain('from the listed host');
      expect(saidIn(messages)).toContain('status 403');
      expect(
        messages.filter(({ kind }) => kind === 'network').map(({ agent, content }) => ({ agent, content })),
      ).toEqual([
        { agent: 'lead', content: expect.objectContaining({ kind: 'allowed', host: '127.0.0.1', port }) as object },
        { agent: 'helper', content: expect.objectContaining({ kind: 'refused', host: 'other.example' }) as object },
      ]);
      expect(await leftIn(namespace())).toEqual([]);
    } finally {
      listed.close();
    }
  });

  it('does not run with listed hosts where nothing keeps it to them, and leaves nothing', async () => {
    crewtab = await ClusterCrewtab.start(namespace(), 1, {});
    const id = await crewtab.run([lead], 'say hello', '5m');
    expect(await crewtab.api.untilFinished(id, 150_000)).toMatchObject({
      status: 'failed',
      error: { code: 'network_not_enforced' },
    });
    expect(await leftIn(namespace())).toEqual([]);
  });
});
