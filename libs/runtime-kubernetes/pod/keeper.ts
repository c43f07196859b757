import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@crewtab/domain/errors';
import { effect } from '@crewtab/domain/failpoint';
import type { AgentSpec, ToolEndpoint } from '@crewtab/domain/ports/runtime';
import type { Pod } from '../cluster/api-objects';
import type { ClusterClient } from '../cluster/cluster-client';
import { unreachable } from '../cluster/cluster-errors';
import { PodExec, type ExecTarget } from '../cluster/pod-exec';
import { KEEPER } from '../run-labels';
import { environmentBlock, homeFolder, KEEPER_PROGRAM, keeperView } from './pod-spec';
import { packFiles } from './file-stream';

/** What the tool server puts beside its socket. */
const BRIDGE_NAME = 'team-bridge.js';

/** Exit codes of images/guard/keeper.c. */
export const KEEPER_CODES = {
  wrongInput: 3,
  notFound: 4,
  agentEnded: 5,
  noAnswer: 6,
  inputEnded: 7,
  inputFull: 8,
} as const;

export function keeperOf({ metadata }: Pod): ExecTarget {
  return { pod: metadata.name, container: metadata.annotations?.[KEEPER] ?? '' };
}

/** One act of a pod's keeper that takes all of its input and answers once. */
export async function askKeeper(
  client: ClusterClient,
  keeper: ExecTarget,
  act: readonly string[],
  input: Iterable<Buffer> | AsyncIterable<Buffer>,
): Promise<{ readonly code: number; readonly said: string }> {
  const exec = await PodExec.start(client, keeper, [KEEPER_PROGRAM, ...act]);
  const timer = setTimeout(() => exec.close(), client.limits.execMs);
  try {
    for await (const piece of input) {
      await exec.write(piece);
      timer.refresh();
    }
    const chunks: Buffer[] = [];
    for await (const chunk of exec.stdout()) chunks.push(chunk);
    const end = await exec.end;
    if (end.how === 'broken') throw unreachable(`${act[0]} in ${keeper.pod}`, end.why);
    if (end.code === 0) return { code: 0, said: Buffer.concat(chunks).toString('utf8') };
    // The connection may have broken off the input: what it was then is not known to the keeper.
    if (end.code === KEEPER_CODES.wrongInput) throw unreachable(`${act[0]} in ${keeper.pod}`, 'the input broke off');
    return { code: end.code, said: exec.stderr.trim() };
  } finally {
    clearTimeout(timer);
    exec.close();
  }
}

/** What came of an agent that was released, now or before. */
export type Start =
  | { readonly is: 'started' }
  | { readonly is: 'failed'; readonly why: string }
  /** Its launcher says nothing: its container may not run. */
  | { readonly is: 'unknown' };

/** Lets an agent start, with its variables and the files of its HOME; one that was released before is left alone. @param proxyPort see proxyPortOf */
export async function releaseAgent(
  client: ClusterClient,
  pod: Pod,
  agent: AgentSpec,
  proxyPort: number | null,
): Promise<Start> {
  const keeper = keeperOf(pod);
  const folder = keeperView.guard(agent.name);
  const { files = [] } = agent;
  if (files.length > 0) {
    const put = ['put', homeFolder(agent), folder];
    const packed = packFiles(files.map(({ path, content }) => ({ path, mode: 0o644, content: Buffer.from(content) })));
    await effect('kubernetes.home-files.put', async () => {
      throwUnlessDone(await askKeeper(client, keeper, put, packed), 'put files into HOME');
    });
  }
  if (agent.tools !== null) await putTools(client, keeper, agent.name, agent.tools);
  const env = environmentBlock(agent, proxyPort);
  const release = ['release', folder, keeperView.given(agent.name), String(env.length)];
  const { code, said } = await effect('kubernetes.agent.release', () => askKeeper(client, keeper, release, [env]));
  if (code === KEEPER_CODES.noAnswer) return { is: 'unknown' };
  throwUnlessDone({ code, said }, 'release the agent');
  const [, state = '', why = ''] = /^(\w+) ?([^]*)$/.exec(said.trim()) ?? [];
  return state === 'started' ? { is: 'started' } : { is: 'failed', why };
}

/** The bridge program, as the tool server has it on this machine; its socket is carried here by a PodTunnel. */
async function putTools(
  client: ClusterClient,
  keeper: ExecTarget,
  agent: string,
  { hostFolder }: ToolEndpoint,
): Promise<void> {
  const content = await readFile(join(hostFolder, BRIDGE_NAME));
  const put = ['put', keeperView.tools(agent), keeperView.guard(agent)];
  await effect('kubernetes.tools.put', async () => {
    const packed = packFiles([{ path: BRIDGE_NAME, mode: 0o644, content }]);
    throwUnlessDone(await askKeeper(client, keeper, put, packed), "put the team's tools into the pod");
  });
}

export function throwUnlessDone({ code, said }: { readonly code: number; readonly said: string }, what: string): void {
  if (code !== 0) throw new AppError('engine_error', `the keeper could not ${what}: ${said || `exit code ${code}`}`);
}
