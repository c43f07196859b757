import { Crewtab, type CrewtabOptions } from '../../e2e/support/crewtab';
import { saidIn, type AgentInput, type Message, type Run } from '../../kit/client';
import { hasDocker } from '../../kit/services/docker';
import { ModelServer } from '../model-server/model-server';
import type { Script } from '../model-server/script';
import { agentImage } from './agent-image';
import type { AgentProgram } from './programs';

/** Of loopback, and yet programs take it for another machine's, so that they go to it by the proxy. */
const MODELS_ADDRESS = '127.0.0.2';
const RIGHT_KEY = 'sk-right-key-of-the-tests';
const NEVER = '0 0 1 1 *';
/** With the start of a program on a busy machine. */
const RUN_LIMIT = '4m';

export interface EndedRun {
  readonly run: Run;
  readonly messages: readonly Message[];
  readonly said: string;
}

export interface RunOptions {
  /** Over what the program needs. */
  readonly agent?: Partial<AgentInput>;
  /** Beside the leader. */
  readonly workers?: readonly AgentInput[];
  /** Default: the right one. */
  readonly key?: string;
  /** Beside its models. */
  readonly hosts?: readonly string[];
}

/** `describe` where real agents can be had: their images need an engine, and npm for their programs. Otherwise skipped, and counted so. */
export function describeWithAgents(name: string, define: () => void): void {
  if (hasDocker() && process.env.CREWTAB_TEST_AGENTS === 'there') describe(name, define);
  else describe.skip(name, define);
}

/** An installation whose agents are real, and reach nothing but the stand-in for their models. */
export class RealCrewtab {
  private constructor(
    readonly crewtab: Crewtab,
    readonly models: ModelServer,
    private readonly images: ReadonlyMap<AgentProgram, string>,
  ) {}

  /** @param programs that its agents are */
  static async start(programs: readonly AgentProgram[], options: CrewtabOptions = {}): Promise<RealCrewtab> {
    const images = new Map<AgentProgram, string>();
    for (const program of programs) images.set(program, await agentImage(program.name));
    const models = await ModelServer.start({ key: RIGHT_KEY, address: MODELS_ADDRESS });
    try {
      const workerEnv = {
        NETWORK_ALLOWED_CIDRS: `${MODELS_ADDRESS}/32`,
        // The programs are heavy, and start in seconds of a whole core.
        WORKER_CONCURRENCY: '3',
        AGENT_HANDSHAKE_TIMEOUT: '3m',
        ...options.workerEnv,
      };
      return new RealCrewtab(await Crewtab.start({ ...options, workerEnv }), models, images);
    } catch (error) {
      await models.close();
      throw error;
    }
  }

  async stop(): Promise<void> {
    try {
      await this.crewtab.stop();
    } finally {
      await this.models.close();
    }
  }

  agent(program: AgentProgram, fields: Partial<AgentInput> = {}, key = RIGHT_KEY): AgentInput {
    const image = this.images.get(program);
    if (image === undefined) throw new Error(`${program.name} was not asked for`);
    const { env, ...own } = program.agent(this.models, key);
    const named = { name: 'lead', role: 'leader', protocol: 'acp', preset: program.name, image } as const;
    return { ...named, ...own, ...fields, env: { ...env, ...fields.env } };
  }

  /** Triggers a run in which the program leads, and is given the script. */
  async begin(program: AgentProgram, script: Script, options: RunOptions = {}): Promise<Run> {
    const { api } = this.crewtab;
    const { agent = {}, workers = [], key, hosts = [] } = options;
    const agents = [this.agent(program, agent, key), ...workers];
    const team = await api.createTeam({
      name: 'Real',
      agents,
      ...(hosts.length > 0 && { network: { mode: 'allowlist', hosts } }),
    });
    const plan = { teamId: team.id, name: 'Real', prompt: script.prompt, cron: NEVER, timeout: RUN_LIMIT };
    return api.trigger((await api.createSchedule(plan)).id);
  }

  async end({ id }: Run): Promise<EndedRun> {
    const run = await this.crewtab.api.untilFinished(id, 240_000);
    const messages = await this.crewtab.api.messages(id);
    return { run, messages, said: saidIn(messages) };
  }

  async play(program: AgentProgram, script: Script, options: RunOptions = {}): Promise<EndedRun> {
    return this.end(await this.begin(program, script, options));
  }
}
