import type { DockerHttp } from '../kit/services/docker-http';

export interface ForeignResource {
  readonly kind: 'container' | 'network' | 'volume';
  readonly name: string;
  readonly id: string;
}

/** Labels of some other installation: the same keys, another id. */
const FOREIGN = {
  'crewtab.installation': '00000000-0000-7000-8000-000000000000',
  'crewtab.run': '00000000-0000-7000-8000-000000000001',
  'crewtab.agent': 'lead',
  'crewtab.epoch': '1',
  'crewtab.deadline': '2020-01-01T00:00:00.000Z',
};

/** Resources that look like the product's and are not: it may touch none of them. */
export async function makeForeignResources(engine: DockerHttp, image: string): Promise<ForeignResource[]> {
  const container = (name: string, labels: object): Promise<ForeignResource> =>
    makeContainer(engine, image, name, labels);
  return [
    await container('marketing-team-run-3f9a1c-lead', {}),
    await container('solo-run-3f9a1c-lead', {}),
    await container('solo-run-7b21d0-lead', FOREIGN),
    await container('crewtab-run-3f9a1c', { 'crewtab.run': FOREIGN['crewtab.run'] }),
    await makeNamed(engine, 'network', 'private-run-3f9a1c', {}),
    await makeNamed(engine, 'network', 'private-run-7b21d0', FOREIGN),
    await makeNamed(engine, 'volume', 'solo-run-3f9a1c-workspace', {}),
    await makeNamed(engine, 'volume', 'solo-run-7b21d0-workspace', FOREIGN),
  ];
}

/** For an engine that is not our own: nothing is left on it. */
export async function removeForeignResources(engine: DockerHttp, foreign: readonly ForeignResource[]): Promise<void> {
  for (const { kind, name, id } of foreign) {
    const path = kind === 'container' ? `/containers/${id}?force=1` : `/${kind}s/${kind === 'volume' ? name : id}`;
    await engine.call({ method: 'DELETE', path });
  }
}

async function makeContainer(
  engine: DockerHttp,
  image: string,
  name: string,
  labels: object,
): Promise<ForeignResource> {
  const { Id } = JSON.parse(
    await engine.call({
      method: 'POST',
      path: `/containers/create?name=${name}`,
      json: { Image: image, Cmd: ['sleep', '86400'], Labels: labels, HostConfig: { NetworkMode: 'none', Init: true } },
    }),
  ) as { Id: string };
  await engine.call({ method: 'POST', path: `/containers/${Id}/start` });
  return { kind: 'container', name, id: Id };
}

async function makeNamed(
  engine: DockerHttp,
  kind: 'network' | 'volume',
  name: string,
  labels: object,
): Promise<ForeignResource> {
  const answer = await engine.call({ method: 'POST', path: `/${kind}s/create`, json: { Name: name, Labels: labels } });
  const { Id, Name } = JSON.parse(answer) as { Id?: string; Name?: string };
  return { kind, name, id: Id ?? Name ?? name };
}
