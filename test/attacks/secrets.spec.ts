import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findFreePort } from '@crewtab/local-services/free-port';
import { processesOf, Start } from '../e2e/support/npm-start';
import { ApiClient, saidIn, type AgentInput } from '../kit/client';
import { makeServiceFolder } from '../kit/services/test-services';
import { eventually } from '../kit/wait-for';
import { program } from './support/hostile-run';

const AGENT = join(__dirname, '../../dist/images/demo-agent/demo-agent.js');
const NO_ENGINE = { DOCKER_HOST: 'unix:///no/engine/here.sock' };

jest.setTimeout(240_000);

describe('npm start without isolation', () => {
  let folder: string;
  let env: NodeJS.ProcessEnv;
  let start: Start | null = null;

  beforeEach(async () => {
    folder = await makeServiceFolder();
    const open = { DATABASE_URL: '', REDIS_URL: '', CREWTAB_API_KEY: '', CREWTAB_ENCRYPTION_KEY: '' };
    env = { CREWTAB_DATA_DIR: join(folder, 'data'), PORT: String(await findFreePort()), ...open };
  });

  afterEach(async () => {
    start?.kill('SIGINT');
    await start?.exited;
    start = null;
    await eventually(async () => expect(await processesOf(folder)).toEqual([]), { timeoutMs: 60_000 });
    await rm(folder, { recursive: true, force: true });
  });

  const secret = async (name: string): Promise<string> => (await readFile(join(folder, 'data', name), 'utf8')).trim();

  async function running(more: NodeJS.ProcessEnv): Promise<ApiClient> {
    start = new Start([], { ...env, ...more });
    await start.saw('Crewtab is running');
    return new ApiClient(`http://127.0.0.1:${env['PORT']}`, await secret('api-key'));
  }

  it('shows an agent no secret in the environment of any process', async () => {
    const api = await running({ CREWTAB_RUNTIME: 'process' });
    // Other processes of this machine, such as this test, may have secrets of their own.
    const prompt = program((load) => {
      const fs = load('node:fs') as typeof import('node:fs');
      for (const pid of fs.readdirSync('/proc').filter((name) => Number(name) > 0)) {
        try {
          const environment = fs.readFileSync(`/proc/${pid}/environ`, 'utf8').replaceAll('\0', '\n');
          if (environment.includes('CREWTAB_SECRETS_FD=')) console.log(environment);
        } catch {
          // Ended meanwhile.
        }
      }
    });
    const agent = { name: 'lead', role: 'leader', protocol: 'acp', command: ['node', AGENT] } as unknown as AgentInput;
    const team = await api.createTeam({ name: 'Curious', agents: [agent] });
    const { id } = await api.createSchedule({ teamId: team.id, name: 'x', prompt, cron: '0 0 1 1 *' });
    const run = await api.untilFinished((await api.trigger(id)).id);
    expect(run).toMatchObject({ status: 'success', error: null });
    const said = saidIn(await api.messages(run.id));
    // It has seen the environment of the apps.
    expect(said).toContain(`CREWTAB_DATA_DIR=${join(folder, 'data')}`);
    expect(said).toContain('CREWTAB_SECRETS_FD=4');
    expect(said).not.toContain(await secret('encryption-key'));
    expect(said).not.toContain(await secret('api-key'));
    expect(said).not.toMatch(/^(DATABASE_URL|REDIS_URL|CREWTAB_ENCRYPTION_KEY|CREWTAB_API_KEY)=\S*\S/m);
  });

  it('runs its demo where no engine answers, and refuses other teams unless the user chose so', async () => {
    const api = await running({ ...NO_ENGINE, CREWTAB_RUNTIME: '' });
    expect(start?.output).toContain('only the demo may');
    expect(start?.output).toMatch(/✓ removed 2 processes, 1 directory/);
    const other = { name: 'lead', role: 'leader', protocol: 'command', command: ['sh', '-c', 'id'] };
    const create = (): Promise<unknown> => api.createTeam({ name: 'Other', agents: [other as unknown as AgentInput] });
    await expect(create()).rejects.toMatchObject({
      status: 400,
      errors: [{ path: 'agents.0.command', message: expect.stringContaining('CREWTAB_RUNTIME=process') as string }],
    });
  });
});
