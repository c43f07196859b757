import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Message } from '../kit/client';
import { Crewtab } from '../e2e/support/crewtab';
import { describeWithDocker } from '../kit/services/docker';

jest.setTimeout(180_000);

/** One request through the proxy of the environment, in one line of a prompt: prints the status of the answer. */
const ask = (host: string): string =>
  `shell node -e 'const p = new URL(process.env.HTTP_PROXY); require("http").get({ host: p.hostname, port: p.port, path: "http://${host}/" }, (r) => console.log("status " + r.statusCode))'`;

const networkOf = (messages: readonly Message[]): unknown[] =>
  messages.filter(({ kind }) => kind === 'network').map(({ content }) => content);

describeWithDocker('the network of a run', () => {
  it('leads to what is listed and nowhere else, tells it, and goes on so with the worker that adopts the run', async () => {
    const listed = createServer((_, response) => void response.end('hello')).listen(0, '127.0.0.1');
    await once(listed, 'listening');
    const { port } = listed.address() as AddressInfo;
    const host = `127.0.0.1:${port}`;
    const crewtab = await Crewtab.start({ workers: 2, workerEnv: { NETWORK_ALLOWED_CIDRS: '127.0.0.1/32' } });
    try {
      const { api } = crewtab;
      const network = { mode: 'allowlist' as const, hosts: [host] };
      const team = await api.createTeam({ name: 'Prisoners', network, agents: [crewtab.leader()] });
      const prompt = [ask(host), ask('first.example'), 'work 2s', ask('second.example'), ask(host), 'answer done'].join(
        '\n',
      );
      const schedule = await api.createSchedule({ teamId: team.id, name: 'x', prompt, cron: '0 0 1 1 *' });
      const { id } = await api.trigger(schedule.id);
      await api.untilRun(id, async () => networkOf(await api.messages(id)).length > 1);
      // The agent's next request finds no worker, and waits in its container for the next one.
      (await crewtab.workerOf(id)).kill('SIGKILL');
      const run = await api.untilFinished(id);
      expect(run).toMatchObject({ status: 'success', warnings: [] });
      const messages = await api.messages(id);
      const allowed = { kind: 'allowed', host: '127.0.0.1', port };
      const refused = (name: string) => ({ kind: 'refused', host: name, port: 80, reason: 'not_listed' });
      // Once for each host, also with the worker that adopts the run.
      expect(networkOf(messages)).toMatchObject([allowed, refused('first.example'), refused('second.example')]);
      const said = messages.filter(({ kind }) => kind === 'agent_message').map(({ content }) => content.text);
      expect(said.join('').match(/status \d+/g)).toEqual(['status 200', 'status 403', 'status 403', 'status 200']);
      expect(await crewtab.leftovers()).toEqual([]);
    } finally {
      listed.close();
      await crewtab.stop();
    }
  });

  it('names the agent of a team that asked, each of which has a way of its own', async () => {
    const crewtab = await Crewtab.start();
    try {
      const { api } = crewtab;
      const network = { mode: 'allowlist' as const, hosts: ['listed.example'] };
      const agents = [crewtab.leader(), { ...crewtab.leader(), name: 'mate', role: 'worker' as const }];
      const team = await api.createTeam({ name: 'Neighbours', network, agents });
      const task = `${ask('by-mate.example')}\\nshell ls /run/crewtab-network; cat /proc/mounts | while read a b c; do case $b in /run*) echo mount $b;; esac; done`;
      const prompt = [ask('by-leader.example'), `delegate mate: ${task}`, 'answer done'].join('\n');
      const schedule = await api.createSchedule({ teamId: team.id, name: 'x', prompt, cron: '0 0 1 1 *' });
      const run = await api.untilFinished((await api.trigger(schedule.id)).id);
      expect(run).toMatchObject({ status: 'success' });
      const messages = await api.messages(run.id);
      const notices = messages.filter(({ kind }) => kind === 'network');
      expect(notices.map(({ agent, content }) => [agent, (content as { host?: string }).host])).toEqual([
        ['lead', 'by-leader.example'],
        ['mate', 'by-mate.example'],
      ]);
      expect(await crewtab.leftovers()).toEqual([]);
    } finally {
      await crewtab.stop();
    }
  });
});
