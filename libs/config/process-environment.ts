import { closeSync, readFileSync } from 'node:fs';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Names the file descriptor that a starter hands secrets over by: JSON of settings, up to the end of the file. */
export const SECRETS_DESCRIPTOR = 'CREWTAB_SECRETS_FD';

let handedOver: Environment | null = null;

/**
 * The environment of this process, and over it what its starter handed over by a pipe. The system shows an environment to
 * every process of the same user for as long as the process lives; what came by the pipe is in its memory alone.
 */
export function processEnvironment(): Environment {
  // A pipe can be read once.
  handedOver ??= readDescriptor(process.env[SECRETS_DESCRIPTOR]);
  return { ...process.env, ...handedOver };
}

function readDescriptor(descriptor: string | undefined): Environment {
  if (descriptor === undefined || descriptor === '') return {};
  const fd = Number(descriptor);
  const secrets = JSON.parse(readFileSync(fd, 'utf8')) as Environment;
  closeSync(fd);
  return secrets;
}
