import { labelFilter } from '@crewtab/runtime-docker/resources/run-resources';
import { settingsFrom } from '@crewtab/runtime-docker/docker-options';
import { EngineClient } from '@crewtab/runtime-docker/engine/engine-client';

/** Installations whose containers this process made. */
const installations = new Set<string>();

export function rememberInstallation(id: string): void {
  installations.add(id);
}

/** Removes what an interrupted or failed bench left on the engine, and nothing else. Does nothing after a whole one. */
export async function removeLeftovers(dockerHost: string): Promise<void> {
  const engine = new EngineClient(dockerHost, settingsFrom({ dockerHost }));
  try {
    for (const id of installations) {
      const filters = { label: labelFilter(id) };
      for (const { Id } of await engine.docker.listContainers({ all: true, filters }))
        await engine.docker.getContainer(Id).remove({ force: true, v: true });
      for (const { Name } of (await engine.docker.listVolumes({ filters })).Volumes)
        await engine.docker.getVolume(Name).remove();
    }
  } finally {
    engine.close();
  }
}
