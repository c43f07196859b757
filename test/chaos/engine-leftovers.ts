import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DockerHttp } from '../kit/services/docker-http';

interface Thing {
  readonly name: string;
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface EngineLeftovers {
  readonly containers: readonly Thing[];
  readonly networks: readonly Thing[];
  readonly volumes: readonly Thing[];
  /** Under the workers' data folder: sockets of teams, which belong to runs too. */
  readonly files: readonly string[];
}

type Labels = Readonly<Record<string, string>> | null;

/** Everything that is on the engine, whosever it is, and everything in the workers' folder. */
export async function listLeftovers(engine: DockerHttp, dataDir: string): Promise<EngineLeftovers> {
  const ask = async <T>(path: string): Promise<T> => JSON.parse(await engine.call({ path })) as T;
  const containers = await ask<{ Id: string; Names: string[]; Labels: Labels }[]>('/containers/json?all=1');
  const networks = await ask<{ Id: string; Name: string; Labels: Labels }[]>('/networks');
  const volumes = await ask<{ Volumes: { Name: string; Labels: Labels }[] | null }>('/volumes');
  return {
    containers: containers.map(({ Id, Names, Labels }) => thing((Names[0] ?? '').replace(/^\//, ''), Id, Labels)),
    networks: networks.map(({ Id, Name, Labels }) => thing(Name, Id, Labels)),
    volumes: (volumes.Volumes ?? []).map(({ Name, Labels }) => thing(Name, Name, Labels)),
    files: (await readdir(join(dataDir, 'team')).catch(() => [])).map((name) => `team/${name}`),
  };
}

/** Things of runs of the installation: what must be gone in the end. */
export function ofRuns({ containers, networks, volumes }: EngineLeftovers, installationId: string): string[] {
  return [...containers, ...networks, ...volumes]
    .filter(({ labels }) => labels['crewtab.installation'] === installationId && labels['crewtab.run'] !== undefined)
    .map(({ name }) => name);
}

function thing(name: string, id: string, labels: Labels): Thing {
  return { name, id, labels: labels ?? {} };
}
