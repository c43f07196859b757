import { RUNTIMES } from '@crewtab/domain/runtimes';
import { createApiClient, type ApiClient } from '@crewtab/api-client/api-client';
import { messageOf } from '../local-services/service-error';
import { createDemo, findDemo, isUnused, trigger, type DemoAgentProgram } from './demo';
import { demoCommand, demoImage } from './demo-program';
import { endRuns } from './end-runs';
import { startInstallation, Started, type Installation } from './installation';
import { HELP, parseOptions } from './options';
import { RunView } from './run-view';
import { Terminal } from './terminal';
import { findAgentToTry, findRunningApi, requireEngine, tryAgent } from './try-agent';
import { parseTryOptions, TRY_HELP } from './try-options';

/** As a shell says it of a program that Ctrl-C ended. */
const INTERRUPTED_EXIT = 130;

/** One start of Crewtab, from the first line on the terminal to the exit code. */
export async function main(env: NodeJS.ProcessEnv, args: readonly string[]): Promise<never> {
  process.exit(await new LocalStart(env, Terminal.of(process.stdout, env)).run(args));
}

class LocalStart {
  private readonly started = new Started();
  private readonly interrupted = new AbortController();
  private api: ApiClient | null = null;

  constructor(
    private readonly env: NodeJS.ProcessEnv,
    private readonly terminal: Terminal,
  ) {}

  /** @returns the exit code, once everything that was started is stopped */
  async run(args: readonly string[]): Promise<number> {
    let code = 1;
    try {
      code = await this.launch(args);
    } catch (error) {
      if (this.interrupted.signal.aborted) code = INTERRUPTED_EXIT;
      else this.terminal.error(error);
    }
    // Agents outlive their worker by design; here they are ended, since this start brought them.
    if (this.api) await endRuns(this.api, this.terminal);
    for (const problem of await this.started.stop()) this.terminal.warn(problem);
    return code;
  }

  private launch(args: readonly string[]): Promise<number> {
    const [command, ...rest] = args;
    return command === 'try' ? this.tryOut(rest) : this.startUp(args);
  }

  /** `npm run try`: on the Crewtab that runs here, or on one that is started for it. */
  private async tryOut(args: readonly string[]): Promise<number> {
    const { terminal, env } = this;
    const options = parseTryOptions(args);
    if (options.isHelp) {
      terminal.line(TRY_HELP);
      return 0;
    }
    const order = await findAgentToTry(env, options);
    const running = await findRunningApi(env);
    if (!running) await requireEngine(env);
    this.listenForSignals();
    const api = running ?? (await this.startOwn());
    const status = await this.untilInterrupted(tryAgent(api, terminal, order, options, this.interrupted.signal));
    return status === 'success' ? 0 : 1;
  }

  private async startOwn(): Promise<ApiClient> {
    const { url, apiKey } = await this.untilInterrupted(startInstallation(this.env, this.started, this.terminal));
    const api = createApiClient({ baseUrl: url, apiKey });
    this.api = api;
    return api;
  }

  private async startUp(args: readonly string[]): Promise<number> {
    const { terminal } = this;
    const options = parseOptions(args);
    if (options.isHelp) {
      terminal.line(HELP);
      return 0;
    }
    this.listenForSignals();
    terminal.line(`${terminal.style('bold', 'Crewtab')} ${terminal.style('dim', 'a crontab for crews of AI agents')}`);
    const installation = await this.untilInterrupted(startInstallation(this.env, this.started, terminal));
    const api = createApiClient({ baseUrl: installation.url, apiKey: installation.apiKey });
    this.api = api;
    const demo = Promise.race([this.showDemo(api, installation, options.isOnce), installation.crashed]);
    const outcome = await this.untilInterrupted(demo);
    if (options.isOnce) {
      terminal.step('stopping everything');
      return outcome === 'success' ? 0 : 1;
    }
    await this.showDoors(api, installation);
    return this.untilInterrupted(installation.crashed);
  }

  /** Shows the demo's run: the first one on an unused database, one more with `--once`. @returns its status, null without one */
  private async showDemo(api: ApiClient, installation: Installation, isOnce: boolean): Promise<string | null> {
    const isFirst = await isUnused(api);
    if (!isFirst && !isOnce) return null;
    const program = await this.demoProgram(installation);
    const schedule = (isFirst ? null : await findDemo(api, program)) ?? (await createDemo(api, program));
    this.terminal.line();
    this.terminal.step(`triggering the schedule "${schedule.name}" of the demo team`);
    const run = await trigger(api, schedule.id);
    const ended = await new RunView(api, this.terminal).follow(run.id, this.interrupted.signal);
    return ended.status;
  }

  private demoProgram({ runtime, dockerHost }: Installation): Promise<DemoAgentProgram> {
    return RUNTIMES[runtime].buildsImages && dockerHost
      ? demoImage(dockerHost, this.env, this.terminal)
      : demoCommand();
  }

  private async showDoors(api: ApiClient, { url, apiKey, dataDir }: Installation): Promise<void> {
    const { terminal } = this;
    const door = (name: string, address: string, words = ''): void =>
      terminal.line(
        `  ${name.padEnd(10)} ${terminal.style('bold', address)}  ${terminal.style('dim', words)}`.trimEnd(),
      );
    terminal.line();
    terminal.done('Crewtab is running');
    const { code } = await api.request('POST /session/codes');
    door('Page', `${url}/#code=${code}`, 'logs you in once, within ten minutes; later with the key below');
    door('API', `${url}/api/docs`, 'authorize with the key below');
    door('Queues', `${url}/queues`, 'any user name, the key as the password');
    door('Health', `${url}/readyz`);
    door('API key', apiKey);
    door('Logs', `${dataDir}/logs`);
    terminal.line(`  ${'Real agent'.padEnd(10)} ANTHROPIC_API_KEY=… npm run try -- --preset claude-code`);
    terminal.line(`  ${'Try'.padEnd(10)} curl -H "Authorization: Bearer ${apiKey}" ${url}/api/v1/schedules`);
    terminal.line();
    terminal.line(terminal.style('dim', 'Ctrl-C stops everything that was started here; data stays.'));
  }

  /** The first Ctrl-C ends in order, the second at once. */
  private listenForSignals(): void {
    const onSignal = (): void => {
      if (this.interrupted.signal.aborted) {
        this.started.kill();
        process.exit(INTERRUPTED_EXIT);
      }
      this.terminal.line();
      this.terminal.step('stopping everything (once more: at once)');
      this.interrupted.abort();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
    // The reader of our output is gone (a closed pipe): end in order, as at Ctrl-C.
    process.stdout.on('error', () => this.interrupted.abort());
    process.on('unhandledRejection', (error) => {
      this.terminal.error(new Error(`unexpected: ${messageOf(error)}`));
      this.started.kill();
      process.exit(1);
    });
  }

  private untilInterrupted<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.interrupted;
    return new Promise((resolve, reject) => {
      const stop = (): void => reject(new Error('interrupted'));
      if (signal.aborted) return stop();
      signal.addEventListener('abort', stop, { once: true });
      work.then(resolve, reject);
    });
  }
}
