import { dockerEngine } from './docker';
import { DockerHttpError } from './docker-http';

interface Labelled {
  readonly Labels?: Readonly<Record<string, string>> | null;
}

/**
 * What still bears an installation's label on the engine and belongs to a run, or is kept for a schedule, as `container x`, `network y`,
 * `volume z`. The network that all runs of a host share belongs to none.
 */
export async function leftoversOf(installationId: string): Promise<string[]> {
  const engine = dockerEngine();
  const filters = encodeURIComponent(JSON.stringify({ label: [`crewtab.installation=${installationId}`] }));
  const ask = async <T>(path: string): Promise<T> => JSON.parse(await engine.call({ path })) as T;
  const [containers, networks, volumes] = await Promise.all([
    ask<(Labelled & { Names: string[]; State: string })[]>(`/containers/json?all=1&filters=${filters}`),
    ask<(Labelled & { Name: string })[]>(`/networks?filters=${filters}`),
    ask<{ Volumes: (Labelled & { Name: string })[] | null }>(`/volumes?filters=${filters}`),
  ]);
  const ofRuns = <T extends Labelled>(resources: readonly T[]): T[] =>
    resources.filter(({ Labels }) => (Labels?.['crewtab.run'] ?? Labels?.['crewtab.schedule'] ?? '') !== '');
  return [
    ...ofRuns(containers).map(({ Names, State }) => `container ${Names.join()} (${State})`),
    ...ofRuns(networks).map(({ Name }) => `network ${Name}`),
    ...ofRuns(volumes.Volumes ?? []).map(({ Name }) => `volume ${Name}`),
  ];
}

/** Force-removes them, so that a failed test does not burden the next one. */
export async function removeLeftovers(leftovers: readonly string[]): Promise<void> {
  const engine = dockerEngine();
  for (const leftover of leftovers) {
    const [kind = '', name = ''] = leftover.split(' ');
    const path = `/${kind}s/${name.replace(/^\//, '')}`;
    try {
      await engine.call({ method: 'DELETE', path: kind === 'container' ? `${path}?force=1&v=1` : path });
    } catch (error) {
      // A nameless volume goes with its container.
      if (!(error instanceof DockerHttpError && error.status === 404)) throw error;
    }
  }
}
