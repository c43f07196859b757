import { expect, it } from 'vitest';
import type { Preset, Team } from '../../api/client';
import { readCommand, writeCommand } from './command-text';
import { NEW_RULE } from './conduct-draft';
import { newServer } from './server-draft';
import { bodyOf, draftOf, editOf, newTeam, withPreset } from './team-draft';

const team: Team = {
  ...{ id: 't', name: 'Crew', description: null, createdAt: '', updatedAt: '' },
  network: { mode: 'allowlist', hosts: ['a.example'] },
  workspace: null,
  agents: [
    {
      ...{ name: 'lead', role: 'leader', protocol: 'acp', image: 'x:1', permissions: 'deny' },
      env: { KEY: { isSet: true }, OLD: { isSet: true } },
      resources: { cpus: 0.5, memory: '1g' },
    },
    { name: 'help', role: 'worker', protocol: 'command', command: ['run', '--once'] },
  ],
};

it('sends nothing of a team that was not touched, and only what was', () => {
  expect(editOf(team, draftOf(team))).toEqual({});
  expect(editOf(team, { ...draftOf(team), name: 'Crew 2' })).toEqual({ name: 'Crew 2' });
  expect(editOf(team, { ...draftOf(team), network: 'none' })).toEqual({ network: { mode: 'none' } });
});

it('keeps, sets and deletes variables, and says the name that an agent had', () => {
  const draft = draftOf(team);
  const [lead, help] = draft.agents;
  const env = [
    { name: 'KEY', state: 'kept', value: '', wasStored: true },
    { name: 'OLD', state: 'deleted', value: '', wasStored: true },
    { name: 'NEW', state: 'set', value: 'secret', wasStored: false },
    { name: '', state: 'set', value: '', wasStored: false },
  ] as const;
  const { agents } = editOf(team, { ...draft, agents: [{ ...lead!, name: 'boss', memory: '', env }, help!] });
  expect(agents).toEqual([
    {
      ...{ name: 'boss', previousName: 'lead', role: 'leader', protocol: 'acp', image: 'x:1', permissions: 'deny' },
      env: { KEY: { isSet: true }, OLD: null, NEW: 'secret' },
      resources: { cpus: 0.5 },
    },
    { name: 'help', role: 'worker', protocol: 'command', command: ['run', '--once'] },
  ]);
});

it('gives a variable a secret in place of its value, and back', () => {
  const [lead] = team.agents;
  const named: Team = { ...team, agents: [{ ...lead!, secrets: { TOKEN: 'github', OTHER: 'other' } }] };
  const draft = draftOf(named);
  expect(editOf(named, draft)).toEqual({});
  const [agent] = draft.agents;
  const env = agent!.env.flatMap((variable) => {
    if (variable.name === 'KEY') return [{ ...variable, state: 'secret' as const, value: 'github' }];
    if (variable.name === 'TOKEN') return [{ ...variable, state: 'set' as const, value: 'own' }];
    return variable.name === 'OTHER' ? [] : [variable];
  });
  expect(editOf(named, { ...draft, agents: [{ ...agent!, env }] }).agents).toMatchObject([
    { env: { KEY: null, OLD: { isSet: true }, TOKEN: 'own' }, secrets: { KEY: 'github' } },
  ]);
  const none = { ...agent!, env: env.filter(({ state }) => state !== 'secret') };
  expect(editOf(named, { ...draft, agents: [none] }).agents?.[0]).not.toHaveProperty('secrets');
});

it('makes a team of what was filled in', () => {
  const draft = newTeam('allowlist');
  const [lead] = draft.agents;
  const agents = [{ ...lead!, image: ' x:1 ', cpus: 'two' }];
  expect(bodyOf({ ...draft, name: 'Crew', hosts: 'a.example\n\n b.example ', agents })).toEqual({
    name: 'Crew',
    network: { mode: 'allowlist', hosts: ['a.example', 'b.example'] },
    agents: [{ name: 'lead', role: 'leader', protocol: 'acp', image: 'x:1', resources: { cpus: 'two' } }],
  });
});

it.each([[['a', '--b=c d']], [['sh', '-c', 'one\ntwo']], [['x', '']], [['[', '1']], [[]]])(
  'reads the command %j as it wrote it',
  (args) => expect(readCommand(writeCommand(args))).toEqual(args),
);

it('asks for the variables that a preset needs, and keeps those that are there', () => {
  const secret = (name: string) => ({ name, description: '', hosts: [] });
  const preset = { name: 'claude-code', secrets: [[secret('API_KEY'), secret('TOKEN')], [secret('OTHER')]] };
  const [lead] = draftOf(team).agents;
  const env = [{ name: 'TOKEN', state: 'kept', value: '', wasStored: true } as const];
  const filled = withPreset({ ...lead!, env }, preset as unknown as Preset);
  expect(filled).toMatchObject({ preset: 'claude-code', image: '', protocol: 'acp' });
  expect(filled.env.map(({ name }) => name)).toEqual(['TOKEN', 'OTHER']);
});

it('keeps rules, servers and secrets that were not touched, and sends what was', () => {
  const rich: Team = {
    ...team,
    agents: [
      {
        ...{
          name: 'lead',
          role: 'leader',
          protocol: 'acp',
          image: 'x:1',
          idleTimeout: '5m',
          secrets: { TOKEN: 'github' },
        },
        permissions: { default: 'deny', rules: [{ kind: 'execute', command: 'git *', allow: true }] },
        mcpServers: [
          { name: 'files', command: 'npx', args: ['-y', 'files'], env: { ROOT: { isSet: true } } },
          { name: 'web', url: 'https://mcp.example/', headers: { 'X-Key': { isSet: true } }, secrets: { Auth: 'web' } },
        ],
      },
    ],
  };
  const draft = draftOf(rich);
  expect(editOf(rich, draft)).toEqual({});
  const [lead] = draft.agents;
  const conduct = {
    ...lead!.conduct,
    idleTimeout: '',
    rules: [...lead!.conduct.rules, { ...NEW_RULE, allow: false, path: '/etc/**' }],
  };
  const servers = [...lead!.servers.slice(1), { ...newServer(), name: 'new', command: 'serve' }];
  const { env: _, idleTimeout: __, ...kept } = rich.agents[0] as (typeof rich.agents)[0] & { env?: unknown };
  expect(editOf(rich, { ...draft, agents: [{ ...lead!, conduct, servers }] }).agents).toEqual([
    {
      ...kept,
      permissions: {
        default: 'deny',
        rules: [
          { kind: 'execute', command: 'git *', allow: true },
          { path: '/etc/**', allow: false },
        ],
      },
      mcpServers: [rich.agents[0]?.mcpServers?.[1], { name: 'new', command: 'serve' }],
    },
  ]);
});
