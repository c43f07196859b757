import { messageOf } from '../local-services/service-error';
import { ApiClient } from './api-client';
import { createDemo, findDemo, isUnused, trigger, type DemoAgentProgram } from './demo';
import { demoCommand, demoImage } from './demo-program';
import { startInstallation, Started, type Installation } from './installation';
import { HELP, parseOptions } from './options';
import { RunView } from './run-view';
import { Terminal } from './terminal';

const terminal = Terminal.of(process.stdout, process.env);
const started = new Started();
const interrupted = new AbortController();

void main();

async function main(): Promise<void> {
  let code = 1;
  try {
    code = await launch();
  } catch (error) {
    if (!interrupted.signal.aborted) terminal.error(error);
    else code = 130;
  }
  for (const problem of await started.stop()) terminal.warn(problem);
  process.exit(code);
}

async function launch(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options.isHelp) {
    terminal.line(HELP);
    return 0;
  }
  listenForSignals();
  terminal.line(`${terminal.style('bold', 'Crewtab')} ${terminal.style('dim', 'a crontab for crews of AI agents')}`);
  const installation = await untilInterrupted(startInstallation(process.env, started, terminal));
  const api = new ApiClient(installation.url, installation.apiKey);
  const outcome = await untilInterrupted(Promise.race([showDemo(api, installation, options.isOnce), installation.crashed]));
  if (options.isOnce) {
    terminal.step('stopping everything');
    return outcome === 'success' ? 0 : 1;
  }
  showDoors(installation);
  await untilInterrupted(installation.crashed);
  return 0;
}

/** Shows the demo's run: the first one on an unused database, one more with `--once`. @returns its status, null without one */
async function showDemo(api: ApiClient, installation: Installation, isOnce: boolean): Promise<string | null> {
  const isFirst = await isUnused(api);
  if (!isFirst && !isOnce) return null;
  const program = await demoProgram(installation);
  const schedule = (isFirst ? null : await findDemo(api, program)) ?? (await createDemo(api, program));
  terminal.line();
  terminal.step(`triggering the schedule "${schedule.name}" of the demo team`);
  const run = await trigger(api, schedule.id);
  const ended = await new RunView(api, terminal).follow(run.id, interrupted.signal);
  return ended.status;
}

function demoProgram({ runtime, dockerHost }: Installation): Promise<DemoAgentProgram> {
  return runtime === 'docker' && dockerHost ? demoImage(dockerHost, process.env, terminal) : demoCommand();
}

function showDoors({ url, apiKey, dataDir }: Installation): void {
  const door = (name: string, address: string, words: string): void => terminal.line(`  ${name.padEnd(10)} ${terminal.style('bold', address)}  ${terminal.style('dim', words)}`);
  terminal.line();
  terminal.done('Crewtab is running');
  door('API', `${url}/api/docs`, 'authorize with the key below');
  door('Queues', `${url}/queues`, 'any user name, the key as the password');
  door('Health', `${url}/readyz`, '');
  terminal.line(`  ${'API key'.padEnd(10)} ${terminal.style('bold', apiKey)}`);
  terminal.line(`  ${'Try'.padEnd(10)} curl -H "Authorization: Bearer ${apiKey}" ${url}/api/v1/schedules`);
  terminal.line(`  ${'Logs'.padEnd(10)} ${dataDir}/logs`);
  terminal.line();
  terminal.line(terminal.style('dim', 'Ctrl-C stops everything that was started here; data stays.'));
}

/** The first Ctrl-C ends in order, the second at once. */
function listenForSignals(): void {
  const onSignal = (): void => {
    if (interrupted.signal.aborted) {
      started.kill();
      process.exit(130);
    }
    terminal.line();
    terminal.step('stopping everything (once more: at once)');
    interrupted.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  process.on('unhandledRejection', (error) => {
    terminal.error(new Error(`unexpected: ${messageOf(error)}`));
    started.kill();
    process.exit(1);
  });
}

function untilInterrupted<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new Error('interrupted'));
    if (interrupted.signal.aborted) return stop();
    interrupted.signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject);
  });
}
