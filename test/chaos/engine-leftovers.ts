import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DockerHttp } from '../kit/services/docker-http';

interface Resource {
  readonly name: string;
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface EngineLeftovers {
  readonly containers: readonly Resource[];
  readonly networks: readonly Resource[];
  readonly volumes: readonly Resource[];
  /** Under the workers' data folder: sockets of teams and of egress proxies, which belong to runs too. */
  readonly files: readonly string[];
}

type Labels = Readonly<Record<string, string>> | null;

/** Everything that is on the engine, of any owner, and everything in the workers' folder. */
export async function listLeftovers(engine: DockerHttp, dataDir: string): Promise<EngineLeftovers> {
  const ask = async <T>(path: string): Promise<T> => JSON.parse(await engine.call({ path })) as T;
  const containers = await ask<{ Id: string; Names: string[]; Labels: Labels }[]>('/containers/json?all=1');
  const networks = await ask<{ Id: string; Name: string; Labels: Labels }[]>('/networks');
  const volumes = await ask<{ Volumes: { Name: string; Labels: Labels }[] | null }>('/volumes');
  return {
    containers: containers.map(({ Id, Names, Labels }) => resource((Names[0] ?? '').replace(/^\//, ''), Id, Labels)),
    networks: networks.map(({ Id, Name, Labels }) => resource(Name, Id, Labels)),
    volumes: (volumes.Volumes ?? []).map(({ Name, Labels }) => resource(Name, Name, Labels)),
    files: (await Promise.all(['team', 'team/runs', 'net'].map((folder) => filesOf(dataDir, folder)))).flat(),
  };
}

/** Resources of runs of the installation: what must be gone in the end. */
export function ofRuns({ containers, networks, volumes }: EngineLeftovers, installationId: string): string[] {
  return [...containers, ...networks, ...volumes]
    .filter(({ labels }) => labels['crewtab.installation'] === installationId && labels['crewtab.run'] !== undefined)
    .map(({ name }) => name);
}

async function filesOf(dataDir: string, folder: string): Promise<string[]> {
  const paths = (await readdir(join(dataDir, folder)).catch(() => [])).map((name) => `${folder}/${name}`);
  // Stays, as the folders of all runs do; what is in it is of single runs.
  return paths.filter((path) => path !== 'team/runs');
}

function resource(name: string, id: string, labels: Labels): Resource {
  return { name, id, labels: labels ?? {} };
}
