import { dockerHttp, type DockerHttp } from './docker-http';

/**
 * The engine that the Docker tests use, as in DOCKER_HOST.
 * @throws Error outside `describeWithDocker` when no engine answers.
 */
export function dockerHost(): string {
  const host = process.env.CREWTAB_TEST_DOCKER_HOST ?? '';
  if (host === '') throw new Error('no Docker engine answered when the tests began: use describeWithDocker');
  return host;
}

/** A connection to it, for what the tests look up and make themselves. */
export function dockerEngine(): DockerHttp {
  return dockerHttp(dockerHost());
}

export function hasDocker(): boolean {
  return (process.env.CREWTAB_TEST_DOCKER_HOST ?? '') !== '';
}

/** `describe` where a Docker engine answers; otherwise its tests are skipped and counted as skipped. */
export function describeWithDocker(name: string, define: () => void): void {
  if (hasDocker()) describe(name, define);
  else describe.skip(name, define);
}
