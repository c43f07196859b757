import type { Crewtab } from '../../e2e/support/crewtab';
import { saidIn, type AgentInput, type Run } from '../../kit/client';

const NEVER = '0 0 1 1 *';

/** As in docker-compose.yml: agents and workers are the same user of the machine, in containers of their own. */
export const SHARED_USER = process.getuid?.() === 0 ? { workerUserId: 1000 } : {};

/** A prompt of the demo agent that runs a script of the shell. */
export function shell(script: string): string {
  return `shell ${script.trim().replaceAll('\n', '; ')}`;
}

/** A prompt of the demo agent that runs a program of Node. What it needs it must take from its only parameter. */
export function program(body: (load: NodeJS.Require) => unknown): string {
  const source = Buffer.from(`(${body.toString()})(require)`).toString('base64');
  return `shell node -e "eval(Buffer.from('${source}', 'base64').toString())"`;
}

/** Triggers a run of a team whose leader, and a helper beside it, do what the prompt says. */
export async function startRun(
  crewtab: Crewtab,
  prompt: string,
  leader: Partial<AgentInput> = {},
  timeout = '2m',
): Promise<Run> {
  const { api } = crewtab;
  const agents = [crewtab.leader(leader), { ...crewtab.leader(leader), name: 'helper', role: 'worker' as const }];
  const team = await api.createTeam({ name: 'Hostile', agents });
  const schedule = await api.createSchedule({ teamId: team.id, name: 'x', prompt, cron: NEVER, timeout });
  return api.trigger(schedule.id);
}

export interface EndedRun {
  readonly run: Run;
  readonly said: string;
}

/** @returns the run once it is removed, and what its agents said */
export async function endRun(crewtab: Crewtab, { id }: Run): Promise<EndedRun> {
  const run = await crewtab.api.untilFinished(id);
  return { run, said: saidIn(await crewtab.api.messages(id)) };
}
