import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentInput, ApiClient, Run, ScheduleInput, TeamInput } from '../../kit/client';
import { DEMO_AGENT_COMMAND } from '../../../images/build/build-demo-image';
import type { Environment } from '../../kit/installation';
import type { StartedProcess } from '../../kit/processes';
import type { Cell } from './cell';
import { HEARD } from './prompt-counter';

/** Where teams of a scenario run. */
export type Place = 'docker' | 'process';

/** What agents are made of. */
export interface Materials {
  readonly image: string;
  /** The demo agent as a program of this machine. */
  readonly program: string;
  /** The same image by another name: a team of two images. */
  readonly secondImage: string;
  /** An engine that refuses to remove containers. */
  readonly stickyDockerHost: string;
  /** A folder that is not there yet. */
  readonly newFolder: () => string;
}

/** What a scenario's steps have at hand. */
export interface Stage {
  readonly cell: Cell;
  readonly api: ApiClient;
  /** The worker that is armed. */
  readonly armed: StartedProcess;
}

/** The process runtime has no images. */
export type TeamAgent = Omit<AgentInput, 'image'> & { readonly image?: string };

/** A way for one run to go, which passes some of the crash points. */
export interface Scenario {
  readonly name: string;
  readonly place: Place;
  readonly agents: (materials: Materials) => readonly TeamAgent[];
  /** True: as a team of version 0.1, whose run has a bridge of its own. */
  readonly hasOwnBridge?: boolean;
  /** Of its team. */
  readonly workspace?: TeamInput['workspace'];
  readonly prompt: string;
  /** Of its schedule, beside that. */
  readonly schedule?: Pick<ScheduleInput, 'verify' | 'artifacts'>;
  /** Of the armed worker. */
  readonly env?: (materials: Materials) => Environment;
  /** What a client does once the run is on its way. */
  readonly during?: (run: Run, stage: Stage) => Promise<unknown>;
  /** True: its worker is of no use afterwards. */
  readonly usesUp?: boolean;
  /** True: what it does ends its worker, so that what is passed on the way out is a part of it. */
  readonly endsWorker?: boolean;
  /** How the run must end: status, and the error's code if it is no success. */
  readonly ends: RegExp;
  /** Prompts that must have reached the agent when it ends so. */
  readonly prompts: number;
}

const PROMPT = `answer ${HEARD}\nwork 300ms`;
const LONG_PROMPT = `answer ${HEARD}\nwork 60s`;

const GIVEN = { files: { 'notes/given.txt': 'given\n' } };

const lead: TeamAgent = { name: 'lead', role: 'leader', protocol: 'acp' };
const mate: TeamAgent = { name: 'mate', role: 'worker', protocol: 'acp' };

const contained =
  (...agents: readonly TeamAgent[]) =>
  ({ image }: Materials): TeamAgent[] =>
    agents.map((agent) => ({ image, ...agent }));

const asProcess =
  (...options: readonly string[]) =>
  ({ program }: Materials): TeamAgent[] => [
    { ...lead, protocol: options.length > 0 ? 'command' : 'acp', command: [process.execPath, program, ...options] },
  ];

const cancel = async (run: Run, { api }: Stage): Promise<unknown> => {
  await api.untilRun(run.id, ({ phase }) => phase === 'monitoring');
  return api.cancel(run.id);
};

const shutDown = async (run: Run, { api, armed }: Stage): Promise<unknown> => {
  await api.untilRun(run.id, ({ phase }) => phase === 'monitoring');
  return armed.kill('SIGTERM');
};

/** Something that a worker left which died while it made the run's folder. */
const leaveHalfMade = async ({ id }: Run, { cell }: Stage): Promise<unknown> =>
  mkdir(join(cell.dataDir, 'processes', 'runs', `.${id}.deadbeef`), { recursive: true });

/** The cheapest first: a point is swept in the first scenario that reaches it. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'one agent', place: 'docker', agents: contained(lead), prompt: PROMPT, ends: /^success$/, prompts: 1 },
  {
    name: 'a plain program',
    place: 'docker',
    agents: contained({ ...lead, protocol: 'command', command: [...DEMO_AGENT_COMMAND, '--command'] }),
    prompt: `answer ${HEARD}`,
    ends: /^success$/,
    prompts: 1,
  },
  {
    name: 'a team with a bridge of its own',
    place: 'docker',
    agents: ({ image, secondImage }) => [
      { ...lead, image },
      { ...mate, image: secondImage },
    ],
    hasOwnBridge: true,
    prompt: `answer ${HEARD}\ndelegate mate: answer done`,
    ends: /^success$/,
    prompts: 1,
  },
  {
    name: 'cancelled',
    place: 'docker',
    agents: contained(lead),
    prompt: LONG_PROMPT,
    during: cancel,
    ends: /^cancelled\/cancelled$/,
    prompts: 1,
  },
  {
    name: 'a workspace in memory',
    place: 'docker',
    agents: contained(lead),
    prompt: PROMPT,
    // The worker that takes over would make it on the disk.
    env: () => ({ AGENT_WORKSPACE_TMPFS: '16m' }),
    ends: /^success$/,
    prompts: 1,
  },
  {
    name: 'verified work that is kept',
    place: 'docker',
    agents: contained(lead),
    workspace: GIVEN,
    prompt: PROMPT,
    schedule: {
      verify: { command: ['node', '-e', "require('fs').writeFileSync('report.md', 'done')"] },
      artifacts: ['*.md'],
    },
    ends: /^success$/,
    prompts: 1,
  },
  {
    name: 'an image that is nowhere',
    place: 'docker',
    agents: contained({ ...lead, image: 'crewtab-test/no-such-image:1' }),
    prompt: PROMPT,
    ends: /^failed\/image_(not_found|pull_failed)$/,
    prompts: 0,
  },
  {
    name: 'a program that is not in the image',
    place: 'docker',
    agents: contained({ ...lead, command: ['/no/such/program'] }),
    prompt: PROMPT,
    ends: /^failed\/start_failed$/,
    prompts: 0,
  },
  {
    name: 'an engine that removes nothing',
    place: 'docker',
    agents: contained(lead),
    prompt: PROMPT,
    // The worker that takes over has an engine that does remove.
    env: ({ stickyDockerHost }) => ({ DOCKER_HOST: stickyDockerHost, TEARDOWN_LIMIT: '0s' }),
    usesUp: true,
    ends: /^(success|failed\/teardown_failed)$/,
    prompts: 1,
  },
  {
    name: 'a worker that is shut down',
    place: 'docker',
    agents: contained(lead),
    prompt: `answer ${HEARD}\nwork 3s`,
    during: shutDown,
    usesUp: true,
    endsWorker: true,
    ends: /^success$/,
    prompts: 1,
  },
  {
    name: 'a process',
    place: 'process',
    agents: asProcess(),
    workspace: GIVEN,
    prompt: PROMPT,
    during: leaveHalfMade,
    ends: /^success$/,
    prompts: 1,
  },
  {
    name: 'the first process of a host',
    place: 'process',
    agents: asProcess(),
    prompt: PROMPT,
    // A host of its own: the rescuer has another one, and takes the run as long as no worker has begun it.
    env: ({ newFolder }) => ({ CREWTAB_DATA_DIR: newFolder() }),
    usesUp: true,
    ends: /^success$/,
    prompts: 1,
  },
  {
    name: 'a plain program as a process',
    place: 'process',
    agents: asProcess('--command'),
    prompt: `answer ${HEARD}`,
    ends: /^success$/,
    prompts: 1,
  },
  {
    name: 'a cancelled process',
    place: 'process',
    agents: asProcess(),
    prompt: LONG_PROMPT,
    during: cancel,
    ends: /^cancelled\/cancelled$/,
    prompts: 1,
  },
];
