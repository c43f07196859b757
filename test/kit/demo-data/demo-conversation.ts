import type { MessageContent, MessageKind } from '@crewtab/domain/runs/message';
import type { SeededRandom } from '../random';
import type { DemoSchedule, DemoTeam } from './demo-content';

export interface DemoMessage {
  readonly agent: string | null;
  readonly kind: MessageKind;
  readonly content: MessageContent;
  readonly at: Date;
  readonly toolCallId?: string;
  /** Of a task; left out: the prompt's, or none. */
  readonly turn?: string;
}

export interface DemoDelegation {
  readonly id: string;
  readonly to: string;
  readonly task: string;
  readonly answer: string | null;
  readonly openedAt: Date;
  readonly answeredAt: Date | null;
}

export interface DemoTalk {
  readonly messages: readonly DemoMessage[];
  readonly delegations: readonly DemoDelegation[];
}

interface Scene {
  readonly team: DemoTeam;
  readonly schedule: DemoSchedule;
  readonly promptAt: Date;
  /** When the last word was said; of a run that goes on, now. */
  readonly until: Date;
  /** The leader's final text; null where it never came to one. */
  readonly result: string | null;
  /** What Crewtab says at the end of a run that did not succeed. */
  readonly end: string | null;
}

const THOUGHTS = [
  'I will look at what changed first, then decide who does what.',
  'The last report has two open points. I should see whether they are still open.',
  'That is more than I expected; the checker can take one half.',
];
const SAID = [
  'I will look at the changed pages first.',
  'The list is shorter than last time. I go through it from the top.',
  'Two of these belong together, so I handle them as one.',
];
const CALLS = [
  [
    'execute',
    'git log --since="1 day ago" --oneline',
    'a41f3c9 poller: keep readings at midnight\n7be2210 site: dark colours\n',
  ],
  ['read', 'Read docs/beacons.md', '# Beacons\n\nEach beacon answers at `/api/v1/beacons/:id`.\n'],
  [
    'search',
    'Search for "tide" in site/',
    'site/index.html:12: <a href="/tides">Tide tables</a>\nsite/harbour.css:4: .tide {\n',
  ],
  ['execute', 'npm test --silent', '\u001b[32m✓\u001b[0m 214 passed\n\u001b[31m✗\u001b[0m 1 failed  config.spec.ts\n'],
  ['fetch', 'https://handbook.harbour-lights.example/pilots', '200 OK, 14,203 bytes\n'],
] as const;
const TASKS = [
  [
    'try all links of out/ and say which answer with anything but 200',
    'Two of 412: /api/v1/beacons (404), tides.example (no answer).',
  ],
  [
    'run the suite on the branch updates/vite-8 and read the failures',
    'One failure, in config.spec.ts: the plugin’s option was renamed.',
  ],
] as const;
const IN_JAPANESE = {
  said: ['最初に変更点を確認します。', '先週の数字から始めます。'],
  tasks: [['前年同期の数字を集めてください', '売上 1,232万円、経費 609万円でした。']],
} as const;

/** What is said in one run, from its prompt to its last word. */
export function makeTalk(random: SeededRandom, scene: Scene): DemoTalk {
  const { team, schedule, promptAt, until, result, end } = scene;
  const [leader, ...workers] = team.agents;
  const lead = leader?.name ?? 'lead';
  const said: Omit<DemoMessage, 'at'>[] = [{ agent: lead, kind: 'prompt', content: { text: schedule.prompt } }];
  const tasks: {
    id: string;
    to: string;
    task: string;
    answer: string | null;
    opened: number;
    answered: number | null;
  }[] = [];
  if (leader?.protocol === 'acp') {
    said.push({ agent: lead, kind: 'agent_thought', content: { text: random.pick(THOUGHTS) } });
    said.push({ agent: lead, kind: 'plan', content: { entries: planOf(result !== null) } });
    said.push({
      agent: lead,
      kind: 'agent_message',
      content: { text: random.pick<string>(team.key === 'tokyo' ? IN_JAPANESE.said : SAID) },
    });
    for (let call = random.int(2, 5); call > 0; call--) said.push(...callOf(random, lead, random.next() < 0.1));
    const [worker] = workers;
    if (worker) {
      const [task, answer] = random.pick<readonly [string, string]>(team.key === 'tokyo' ? IN_JAPANESE.tasks : TASKS);
      const id = `delegation-${random.int(1000, 9999)}`;
      const isAnswered = result !== null || end !== null;
      const opened = said.push({ agent: lead, kind: 'delegation', content: { id, to: worker.name, task } }) - 1;
      for (let call = random.int(1, 3); call > 0; call--)
        said.push(...callOf(random, worker.name, false).map((one) => ({ ...one, turn: `delegate:${id}` })));
      const answered = isAnswered
        ? said.push({ agent: worker.name, kind: 'delegation', content: { id, to: lead, text: answer } }) - 1
        : null;
      tasks.push({ id, to: worker.name, task, answer: isAnswered ? answer : null, opened, answered });
    }
  } else said.push({ agent: lead, kind: 'stderr', content: { text: 'watch 2.1: 24 beacons, timeout 5 s\n' } });
  if (result !== null) said.push({ agent: lead, kind: 'agent_message', content: { text: result } });
  if (end !== null) said.push({ agent: null, kind: 'system', content: { text: end } });
  const step = (until.getTime() - promptAt.getTime()) / Math.max(1, said.length - 1);
  const messages = said.map((one, at) => ({ ...one, at: new Date(Math.round(promptAt.getTime() + at * step)) }));
  const delegations = tasks.map(({ opened, answered, ...task }) => ({
    ...task,
    openedAt: messages[opened]?.at ?? promptAt,
    answeredAt: answered === null ? null : (messages[answered]?.at ?? until),
  }));
  return { messages, delegations };
}

function planOf(isDone: boolean): readonly MessageContent[] {
  const steps = ['See what changed', 'Check it', 'Write it down'];
  return steps.map((content, at) => ({
    content,
    priority: 'medium',
    status: isDone || at === 0 ? 'completed' : 'pending',
  }));
}

function callOf(random: SeededRandom, agent: string, isFailure: boolean): Omit<DemoMessage, 'at'>[] {
  const [kind, title, output] = random.pick(CALLS);
  const toolCallId = `call-${random.int(100_000, 999_999)}`;
  const text = isFailure ? 'fatal: unable to access the remote: the connection was refused' : output;
  return [
    {
      agent,
      kind: 'tool_call',
      toolCallId,
      content: { toolCallId, title, kind, status: 'pending', rawInput: { command: title } },
    },
    {
      ...{ agent, kind: 'tool_result', toolCallId },
      content: {
        ...{ toolCallId, status: isFailure ? 'failed' : 'completed' },
        content: [{ type: 'content', content: { type: 'text', text } }],
      },
    },
  ];
}
