import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { dockerEngine } from '../../kit/services/docker';

interface Named {
  readonly Name?: string;
  readonly Names?: readonly string[];
}

/** Everything of a run that is still there: on the engine by its label, and on the disk by its name. */
export async function leftoversOfRun(runId: string, dataDir: string): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`crewtab.run=${runId}`] }));
  const ask = async <T>(path: string): Promise<T> =>
    JSON.parse(await dockerEngine().call({ path: `${path}filters=${filters}` })) as T;
  const [containers, networks, volumes] = await Promise.all([
    ask<Named[]>('/containers/json?all=1&'),
    ask<Named[]>('/networks?'),
    ask<{ readonly Volumes: readonly Named[] | null }>('/volumes?'),
  ]);
  return [
    ...containers.map(({ Names }) => `container ${Names?.join() ?? ''}`),
    ...networks.map(({ Name }) => `network ${Name ?? ''}`),
    ...(volumes.Volumes ?? []).map(({ Name }) => `volume ${Name ?? ''}`),
    ...(await filesOfRun(runId, dataDir)),
  ];
}

async function filesOfRun(runId: string, dataDir: string): Promise<string[]> {
  const egressProxy = runId.replaceAll('-', '');
  const toolServer = egressProxy.slice(-16);
  const folders = ['processes/runs', 'processes/exits', 'team', 'team/runs', 'net'];
  const found = await Promise.all(
    folders.map(async (folder) => {
      const names = await readdir(join(dataDir, folder), { recursive: folder === 'processes/exits' }).catch(none);
      return names
        .filter((name) => name.includes(runId) || name === toolServer || name === egressProxy)
        .map((name) => `file ${folder}/${name}`);
    }),
  );
  return found.flat();
}

function none(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
