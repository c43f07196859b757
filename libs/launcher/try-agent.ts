import { join, resolve } from 'node:path';
import { readFile } from 'node:fs/promises';
import { createApiClient, type ApiClient } from '@crewtab/api-client/api-client';
import { presetSettingsOf, PRESET_SETTINGS } from '@crewtab/config/preset-settings';
import { readSettings } from '@crewtab/config/read-settings';
import { readPresets } from '@crewtab/presets/read-presets';
import { findDockerEngine } from './docker-engine';
import { LocalServiceError } from '../local-services/service-error';
import type { RunView as Run } from '@crewtab/api-contract/run-routes';
import { RunView } from './run-view';
import type { Terminal } from './terminal';
import { agentToTry, type TriedAgent, type TryOptions } from './try-options';

const HEALTH_LIMIT_MS = 2_000;

/** The agent to try, checked before anything is started. @throws LocalServiceError that says how to go on */
export async function findAgentToTry(env: NodeJS.ProcessEnv, options: TryOptions): Promise<TriedAgent> {
  const { byName } = await readPresets(presetSettingsOf(readSettings(env, PRESET_SETTINGS)));
  return agentToTry(options, byName, env);
}

/** The Crewtab that runs on this machine by now, with the key in its data folder; null without one. */
export async function findRunningApi(env: NodeJS.ProcessEnv): Promise<ApiClient | null> {
  const baseUrl = `http://127.0.0.1:${env['PORT'] || '3000'}`;
  const isThere = await fetch(`${baseUrl}/healthz`, { signal: AbortSignal.timeout(HEALTH_LIMIT_MS) }).then(
    (answer) => answer.ok,
    () => false,
  );
  if (!isThere) return null;
  const file = join(resolve(env['CREWTAB_DATA_DIR'] || '.crewtab'), 'api-key');
  const apiKey = env['CREWTAB_API_KEY'] || (await readFile(file, 'utf8').catch(() => '')).trim();
  if (apiKey === '')
    throw new LocalServiceError(
      `a Crewtab answers at ${baseUrl}, and its key is not in ${file}`,
      'set CREWTAB_API_KEY to a key of it, or PORT to a free port for one of your own',
    );
  return createApiClient({ baseUrl, apiKey });
}

/** A real agent runs in a container, or as a process of this machine where its user says so. */
export async function requireEngine(env: NodeJS.ProcessEnv): Promise<void> {
  if (env['CREWTAB_RUNTIME'] === 'process') return;
  const engine = await findDockerEngine(env);
  if (engine.isReachable) return;
  throw new LocalServiceError(
    `a real agent runs in a container, and no container engine answers: ${engine.reason}`,
    'start Docker; or set CREWTAB_RUNTIME=process to run the agent, installed on this machine, without isolation',
  );
}

/** Runs the agent once as a team of its own, which is gone after it. @returns the run's status */
export async function tryAgent(
  api: ApiClient,
  terminal: Terminal,
  agent: TriedAgent,
  { prompt, timeout }: TryOptions,
  signal: AbortSignal,
): Promise<string> {
  const team = await api.request('POST /teams', {
    body: { name: `Try ${agent.preset}`, agents: [{ name: 'agent', role: 'leader', ...agent, env: { ...agent.env } }] },
  });
  const params = { id: team.id };
  try {
    const run = await api.request('POST /teams/:id/try', { params, body: { prompt, timeout } });
    terminal.line();
    terminal.step(`trying ${terminal.style('bold', agent.preset)}: the first run of a preset builds its image`);
    try {
      const { status, usage } = await new RunView(api, terminal).follow(run.id, signal);
      terminal.step(`used ${usage ? wordsOf(usage) : 'nothing that the agent has reported'}`);
      return status;
    } finally {
      // One that is over is refused, which is as good.
      if (signal.aborted) await api.request('POST /runs/:id/cancel', { params: { id: run.id } }).catch(() => undefined);
    }
  } finally {
    // It has the key; the run has its own copy of what it needs.
    await api.request('DELETE /teams/:id', { params });
  }
}

function wordsOf({ inputTokens, outputTokens, cost, incomplete }: NonNullable<Run['usage']>): string {
  const count = (tokens: number | null): string => tokens?.toLocaleString('en-US') ?? 'unknown';
  const atLeast = (part: 'tokens' | 'cost'): string => (incomplete.includes(part) ? 'at least ' : '');
  const price = cost === null ? 'cost unknown' : `${atLeast('cost')}${cost.amount.toFixed(4)} ${cost.currency}`;
  const tokens = `${count(inputTokens)} in, ${count(outputTokens)} out`;
  return `tokens: ${inputTokens === null ? '' : atLeast('tokens')}${tokens}; ${price}`;
}
