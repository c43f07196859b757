import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describeWithDocker } from '../kit/services/docker';
import type { AgentInput } from '../kit/client';
import { Crewtab } from './support/crewtab';

const NEVER = '0 0 1 1 *';
/** It answers no prompt, but says that it heard a cancel. Handed over as text, so that any image can run it. */
const SOURCE = readFileSync(resolve(__dirname, '../odd-agent/odd-agent.mjs'), 'utf8');
const COMMAND = ['node', '--input-type=module', '-e', SOURCE, 'odd-agent', 'unresponsive'];

jest.setTimeout(120_000);

const RUNTIMES: readonly { runtime: 'docker' | 'process'; fields: (crewtab: Crewtab) => Partial<AgentInput> }[] = [
  { runtime: 'docker', fields: ({ image }) => ({ image }) },
  { runtime: 'process', fields: () => ({}) },
];

describeWithDocker('an agent at work on a turn', () => {
  it.each(RUNTIMES)('hears session/cancel before it is stopped, under $runtime', async ({ runtime, fields }) => {
    const env = { CREWTAB_RUNTIME: runtime };
    // Long enough that a busy machine lets it answer, and short enough to wait for.
    const crewtab = await Crewtab.start({ schedulerEnv: env, workerEnv: { ...env, AGENT_STOP_GRACE: '20s' } });
    try {
      const { api } = crewtab;
      const leader = {
        name: 'lead',
        role: 'leader',
        protocol: 'acp',
        command: COMMAND,
        ...fields(crewtab),
      } as AgentInput;
      const team = await api.createTeam({ name: 'Listeners', agents: [leader] });
      const schedule = await api.createSchedule({ teamId: team.id, name: 'x', prompt: 'Wait.', cron: NEVER });
      const { id } = await api.trigger(schedule.id);
      await api.untilRun(id, ({ phase }) => phase === 'monitoring');
      await api.cancel(id);
      const run = await api.untilFinished(id);
      expect(run.status).toBe('cancelled');
      expect(run.teardown?.verifiedAt).not.toBeNull();
      const said = (await api.messages(id)).filter(({ agent, kind }) => agent === 'lead' && kind === 'agent_message');
      expect(said.map(({ content }) => content.text)).toEqual(['heard session/cancel']);
    } finally {
      await crewtab.stop();
    }
  });
});
