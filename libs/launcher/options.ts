import { parseArgs } from 'node:util';
import { LocalServiceError, messageOf } from '../local-services/service-error';

export interface LauncherOptions {
  /** End after the demo's run, with its outcome as the exit code. */
  readonly isOnce: boolean;
  readonly isHelp: boolean;
}

export const HELP = `Starts Crewtab on this machine: scheduler, worker, and what they need.

  npm start                starts everything; the first time with a demo team whose run you can watch
  npm start -- --once      the same, runs the demo once and ends; exit code 0 only if it succeeded
  npm start -- --help      this text
  npm run try -- --help    one run of a real agent, such as Claude Code

Settings are environment variables; .env.example describes all of them. The ones you may want here:

  PORT=3001                another port for the API
  DATABASE_URL, REDIS_URL  your own Postgres and Redis in place of the ones that are brought along
  DOCKER_HOST              where your container engine listens
  CREWTAB_RUNTIME=process  run agents as child processes although a container engine is there (no isolation)
  CREWTAB_DATA_DIR         where data, keys and logs are kept (.crewtab)
  NO_COLOR=1               no colours
`;

/** @throws LocalServiceError for what it does not know */
export function parseOptions(args: readonly string[]): LauncherOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { once: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    });
    return { isOnce: values.once ?? false, isHelp: values.help ?? false };
  } catch (error) {
    throw new LocalServiceError(
      messageOf(error).split('. ')[0] ?? 'unknown option',
      'npm start -- --help shows the options',
      error,
    );
  }
}
