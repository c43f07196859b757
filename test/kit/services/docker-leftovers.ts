import { dockerHttp } from './docker-http';

/** Bears the id of the test run on every container that test support itself makes. */
export const TEST_RUN_LABEL = 'crewtab.test-run';

/**
 * Force-removes the containers of test support that are still there.
 * @returns their names.
 */
export async function removeTestContainers(): Promise<string[]> {
  const host = process.env.CREWTAB_TEST_DOCKER_HOST ?? '';
  const run = process.env.CREWTAB_TEST_RUN ?? '';
  if (host === '' || run === '') return [];
  const engine = dockerHttp(host);
  const names: string[] = [];
  for (const { id, name } of await containersWithLabel(host, `${TEST_RUN_LABEL}=${run}`)) {
    await engine.call({ method: 'DELETE', path: `/containers/${id}?force=1&v=1` });
    names.push(name);
  }
  return names;
}

/** All containers, stopped ones included, with that label (`key` or `key=value`). */
export async function containersWithLabel(host: string, label: string): Promise<{ id: string; name: string }[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
  const answer = await dockerHttp(host).call({ path: `/containers/json?all=1&filters=${filters}` });
  const list = JSON.parse(answer) as { Id: string; Names: string[] }[];
  return list.map(({ Id, Names }) => ({ id: Id, name: (Names[0] ?? '').replace(/^\//, '') }));
}
