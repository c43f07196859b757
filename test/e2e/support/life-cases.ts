import type { AgentInput, ApiClient, Run } from '../../kit/client';

/** How one run is made to go, and how it must end. */
export interface LifeCase {
  readonly prompt: string;
  /** Fields of the leader other than the well-behaved default. */
  readonly leader?: Partial<AgentInput>;
  readonly timeout?: string;
  /** What a client does while the run is on its way. */
  readonly during?: (run: Run, api: ApiClient) => Promise<unknown>;
  readonly status: 'success' | 'failed' | 'timeout' | 'cancelled';
  /** Of the run's error; null for a success. */
  readonly code: RegExp | null;
  /** What the error's message must say, in the engine's or the agent's own words where there are any. */
  readonly says?: RegExp;
  /** False: the run ended before the prompt could be sent. Null: either, a matter of milliseconds. */
  readonly isPrompted: boolean | null;
  /** Containers in the teardown's receipt. */
  readonly containers: number;
}

const HANGING = 'answer here\nignore-sigterm\nhang';

const untilAgentStarted = (run: Run, api: ApiClient): Promise<Run> =>
  api.untilRun(run.id, async ({ phase, teamDeploymentId }) => {
    if (phase !== 'deploying' || teamDeploymentId === null) return false;
    return (await api.deployment(teamDeploymentId)).agents.some(({ startedAt }) => startedAt !== null);
  });

const untilHanging = (run: Run, api: ApiClient): Promise<Run> =>
  api.untilRun(run.id, async ({ phase, id }) => {
    return phase === 'monitoring' && (await api.messages(id)).some(({ kind }) => kind === 'agent_message');
  });

const cancel = (run: Run, api: ApiClient): Promise<unknown> => api.cancel(run.id);

const deploymentFailures: Record<string, LifeCase> = {
  'the image is missing': {
    prompt: 'answer never',
    leader: { image: 'crewtab-test/no-such-image:1' },
    status: 'failed',
    code: /^(image_not_found|image_pull_failed)$/,
    says: /no-such-image|registry|lookup|dial/,
    isPrompted: false,
    containers: 0,
  },
  'the engine refuses to create the container': {
    prompt: 'answer never',
    leader: { resources: { cpus: 256 } },
    status: 'failed',
    code: /^create_failed$/,
    says: /CPUs/,
    isPrompted: false,
    containers: 0,
  },
  'the handshake is never answered': {
    prompt: 'answer never',
    leader: { env: { DEMO_NO_HANDSHAKE: '1' } },
    status: 'failed',
    code: /^handshake_timeout$/,
    isPrompted: false,
    containers: 1,
  },
  'the session is refused': {
    prompt: 'answer never',
    leader: { env: { DEMO_SESSION_ERROR: '1' } },
    status: 'failed',
    code: /^handshake_failed$/,
    isPrompted: false,
    containers: 1,
  },
  'the agent exits at its start': {
    prompt: 'answer never',
    leader: { env: { DEMO_EXIT_AT_START: '7' } },
    status: 'failed',
    code: /^agent_exited$/,
    says: /exit code 7/,
    isPrompted: false,
    containers: 1,
  },
  'the program does not exist': {
    prompt: 'answer never',
    leader: { command: ['/no/such/program'] },
    status: 'failed',
    code: /^start_failed$/,
    says: /no such file/,
    isPrompted: false,
    containers: 1,
  },
};

const agentFailures: Record<string, LifeCase> = {
  'the agent reports an error': {
    prompt: 'error the coffee is out',
    status: 'failed',
    code: /^agent_error$/,
    says: /the coffee is out/,
    isPrompted: true,
    containers: 1,
  },
  'the agent refuses': { prompt: 'refuse', status: 'failed', code: /^agent_refused$/, isPrompted: true, containers: 1 },
  'the agent stops at a limit': {
    prompt: 'max-tokens',
    status: 'failed',
    code: /^agent_limit$/,
    isPrompted: true,
    containers: 1,
  },
  'the agent crashes': { prompt: 'crash', status: 'failed', code: /^agent_exited$/, isPrompted: true, containers: 1 },
  'the agent exits with 3': {
    prompt: 'exit 3',
    status: 'failed',
    code: /^agent_exited$/,
    says: /exit code 3/,
    isPrompted: true,
    containers: 1,
  },
  'the agent exits with 0 in the middle of its turn': {
    prompt: 'exit 0',
    status: 'failed',
    code: /^agent_exited$/,
    isPrompted: true,
    containers: 1,
  },
  'the agent is killed': {
    prompt: 'kill-self',
    status: 'failed',
    code: /^agent_killed$/,
    says: /137/,
    isPrompted: true,
    containers: 1,
  },
  'the agent runs out of memory': {
    prompt: 'eat-memory 512',
    leader: { resources: { memory: '64m' } },
    status: 'failed',
    code: /^out_of_memory$/,
    isPrompted: true,
    containers: 1,
  },
  'a plain program fails': {
    prompt: 'answer hm\nerror out of paper',
    leader: { protocol: 'command', command: ['node', '/opt/crewtab-demo/demo-agent.js', '--command'] },
    status: 'failed',
    code: /^agent_exited$/,
    says: /out of paper/,
    isPrompted: true,
    containers: 1,
  },
};

/** Longer than what the engine takes for an agent that does not read (some 400 kB): each character is six on the wire. */
const TOO_LONG_TO_BUFFER = '\u0001'.repeat(50_000);
const NOT_READING: Partial<AgentInput> = { instructions: TOO_LONG_TO_BUFFER, env: { DEMO_STOP_READING: '1' } };

const unsentPrompts: Record<string, LifeCase> = {
  'the leader does not read its prompt': {
    prompt: TOO_LONG_TO_BUFFER,
    leader: NOT_READING,
    status: 'failed',
    code: /^prompt_failed$/,
    says: /the prompt could not be sent: the agent did not read/,
    isPrompted: true,
    containers: 1,
  },
  'the leader exits when it is ready for its prompt': {
    prompt: 'answer never',
    leader: { env: { DEMO_EXIT_AFTER_HANDSHAKE: '9' } },
    status: 'failed',
    code: /^(agent_exited|prompt_failed)$/,
    isPrompted: null,
    containers: 1,
  },
  'the deadline passes while prompting': {
    prompt: TOO_LONG_TO_BUFFER,
    leader: NOT_READING,
    timeout: '20s',
    status: 'timeout',
    code: /^timeout$/,
    says: /phase prompting/,
    isPrompted: true,
    containers: 1,
  },
  'cancelled while prompting, and SIGTERM is ignored': {
    prompt: TOO_LONG_TO_BUFFER,
    leader: { ...NOT_READING, env: { DEMO_STOP_READING: '1', DEMO_IGNORE_SIGTERM: '1' } },
    during: async (run, api) => {
      await api.untilRun(run.id, ({ phase }) => phase === 'prompting');
      await cancel(run, api);
    },
    status: 'cancelled',
    code: /^cancelled$/,
    isPrompted: true,
    containers: 1,
  },
};

const cutShort: Record<string, LifeCase> = {
  'the deadline passes while deploying': {
    prompt: 'answer never',
    leader: { env: { DEMO_NO_HANDSHAKE: '1' } },
    timeout: '10s',
    status: 'timeout',
    code: /^timeout$/,
    says: /phase deploying/,
    isPrompted: false,
    containers: 1,
  },
  'the deadline passes while monitoring, and SIGTERM is ignored': {
    prompt: HANGING,
    timeout: '25s',
    status: 'timeout',
    code: /^timeout$/,
    says: /phase monitoring/,
    isPrompted: true,
    containers: 1,
  },
  'cancelled while deploying': {
    prompt: 'answer never',
    leader: { env: { DEMO_NO_HANDSHAKE: '1' } },
    during: async (run, api) => cancel(await untilAgentStarted(run, api), api),
    status: 'cancelled',
    code: /^cancelled$/,
    isPrompted: false,
    containers: 1,
  },
  'cancelled while monitoring, and SIGTERM is ignored': {
    prompt: HANGING,
    during: async (run, api) => cancel(await untilHanging(run, api), api),
    status: 'cancelled',
    code: /^cancelled$/,
    isPrompted: true,
    containers: 1,
  },
};

/** Every way to end but the good one. */
export const LIFE_CASES: Readonly<Record<string, LifeCase>> = {
  ...deploymentFailures,
  ...unsentPrompts,
  ...agentFailures,
  ...cutShort,
};
