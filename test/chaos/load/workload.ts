import { RECORD_FILE } from '../record-mount';

/** What the client asks for: teams, and schedules on them that each do one kind of work. */
export interface TeamTemplate {
  readonly name: string;
  readonly network: { readonly mode: 'none' | 'allowlist' | 'open'; readonly hosts?: readonly string[] };
  readonly hasMate: boolean;
  readonly protocol: 'acp' | 'command';
}

export interface Work {
  readonly name: string;
  readonly team: string;
  readonly prompt: string;
  /** A Go duration. */
  readonly timeout: string;
  /** How often it is chosen, against the others. */
  readonly weight: number;
}

export const TEAMS: readonly TeamTemplate[] = [
  { name: 'solo', network: { mode: 'none' }, hasMate: false, protocol: 'acp' },
  { name: 'bridged', network: { mode: 'open' }, hasMate: false, protocol: 'acp' },
  { name: 'private', network: { mode: 'allowlist', hosts: ['*'] }, hasMate: false, protocol: 'acp' },
  { name: 'duo', network: { mode: 'none' }, hasMate: true, protocol: 'acp' },
  { name: 'plain', network: { mode: 'none' }, hasMate: false, protocol: 'command' },
];

/** Into the stdout of the agent that began the shell. */
const WRITE_BATCH = `node -e "require('fs').writeFileSync('/proc/'+process.argv[1]+'/fd/1','['+'1,'.repeat(2000)+'1]'+String.fromCharCode(10))" $PPID`;

/**
 * Mostly short. What a run says is numbered, so that a gap or a double shows; nothing takes longer than its timeout of
 * at most 45 s, so that all can be over soon after the end.
 */
export const WORKS: readonly Work[] = [
  work('at-once', 'solo', 'answer done', '45s', 8),
  work('short', 'solo', 'stream 12 every 40ms\nanswer done', '45s', 8),
  work('steps', 'solo', 'think about it\nplan one; two\ntool hammer\nstream 10 every 100ms\nanswer done', '45s', 4),
  work('while', 'solo', 'stream 40 every 100ms\nanswer done', '45s', 5),
  work('long', 'solo', 'stream 60 every 300ms\nanswer done', '45s', 3),
  work('bridged', 'bridged', 'stream 5 every 50ms\nanswer done', '45s', 3),
  work('private', 'private', 'stream 5 every 50ms\nanswer done', '45s', 1),
  work('delegate', 'duo', 'delegate mate: stream 5 every 50ms\\nanswer from mate\nanswer done', '45s', 3),
  work(
    'delegate-async',
    'duo',
    'stream 5 every 100ms\ndelegate-async mate: work 2s\\nanswer late\njoin\nanswer done',
    '45s',
    1,
  ),
  work('plain', 'plain', 'stream 8 every 50ms\nanswer done', '45s', 2),
  work('late', 'solo', 'stream 5\nwork 60s', '6s', 2),
  work('stubborn', 'solo', 'ignore-sigterm\nstream 5\nhang', '6s', 1),
  work('flood', 'solo', 'flood 400KB\nanswer done', '45s', 1),
  work('error', 'solo', 'stream 3\nerror it did not work', '45s', 1),
  work('crash', 'solo', 'stream 3\ncrash', '45s', 1),
  // Hostile: more than a worker reads, from the agent itself, and from its shell behind its back.
  work('long-line', 'solo', 'stream 3\nline 17MB\nanswer done', '45s', 1),
  work('large-batch', 'solo', `stream 3\nshell ${WRITE_BATCH}\nwork 5s\nanswer done`, '45s', 1),
];

function work(name: string, team: string, prompt: string, timeout: string, weight: number): Work {
  return { name, team, prompt, timeout, weight };
}

/** The body of POST /teams. */
export function teamBody(template: TeamTemplate, image: string): object {
  const agent = {
    protocol: template.protocol,
    image,
    env: { DEMO_RECORD: RECORD_FILE },
    resources: { memory: '256m' },
    ...(template.protocol === 'command' ? { command: ['node', '/opt/crewtab-demo/demo-agent.js', '--command'] } : {}),
  };
  const agents = [
    { name: 'lead', role: 'leader', ...agent },
    ...(template.hasMate ? [{ name: 'mate', role: 'worker', ...agent }] : []),
  ];
  return { name: template.name, network: template.network, agents };
}
