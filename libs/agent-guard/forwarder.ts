import type { AllowlistEndpoint } from '@crewtab/domain/ports/runtime';
import { GUARD_FOLDER } from './guard-records';

/** Where images/guard/forwarder.c lies in a container without a network, which it leads out of. */
export const FORWARDER_PROGRAM = `${GUARD_FOLDER}/forwarder`;
/** On the container's loopback interface: the usual port of a forward proxy. */
export const PROXY_PORT = 3128;

/**
 * The command with the forwarder in front of it, which opens the port and becomes the command.
 * @param folder with the proxy's socket, as the container sees it
 */
export function forwardedCommand(
  command: readonly string[],
  folder: string,
  { socketName }: AllowlistEndpoint,
  { program = FORWARDER_PROGRAM, port = PROXY_PORT } = {},
): string[] {
  return [program, String(port), `${folder}/${socketName}`, ...command];
}

/** By which programs find their proxy: in general, and those that have a way of their own (Node, npm, pip, git). */
export function proxyEnvironment(port = PROXY_PORT): Record<string, string> {
  const proxy = `http://127.0.0.1:${port}`;
  const none = '127.0.0.1,localhost';
  return {
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    NO_PROXY: none,
    http_proxy: proxy,
    https_proxy: proxy,
    no_proxy: none,
    NODE_USE_ENV_PROXY: '1',
    npm_config_proxy: proxy,
    npm_config_https_proxy: proxy,
    npm_config_noproxy: none,
    PIP_PROXY: proxy,
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'http.proxy',
    GIT_CONFIG_VALUE_0: proxy,
  };
}
