import type Docker from 'dockerode';

/**
 * The name goes in the address and everything else in the body. By itself dockerode puts all of it into the address as well,
 * where proxies before the engine log it, environment and all, and where the engine takes a megabyte at most.
 */
export function createContainer(
  docker: Docker,
  spec: Docker.ContainerCreateOptions,
  abortSignal: AbortSignal,
): Promise<Docker.Container> {
  const { name, ...body } = spec;
  const call = { _query: name === undefined ? {} : { name }, _body: body, abortSignal };
  return docker.createContainer(call);
}
