import type { ApiClient } from './api-client';
import { ConversationView, type SeenMessage } from './conversation-view';
import type { Terminal } from './terminal';

/** The parts of a run, as the API gives it, that are shown. */
export interface SeenRun {
  readonly id: string;
  readonly teamName?: string;
  readonly status: string;
  readonly phase: string;
  readonly trigger: string;
  readonly deadlineAt: string | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly teamDeploymentId: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly teardown: {
    readonly containers: number;
    readonly networks: number;
    readonly volumes: number;
    readonly verifiedAt: string | null;
  } | null;
}

interface SeenDeployment {
  readonly name: string;
  readonly agents: readonly {
    readonly name: string;
    readonly container: string;
    readonly startedAt: string | null;
    readonly readyAt: string | null;
  }[];
}

/** Follows one run to its very end and prints what happens. @returns the run as it ended */
export class RunView {
  private readonly conversation: ConversationView;
  private readonly told = new Set<string>();
  private lastRun: SeenRun | null = null;

  constructor(
    private readonly api: Pick<ApiClient, 'get' | 'events'>,
    private readonly terminal: Terminal,
  ) {
    this.conversation = new ConversationView(terminal);
  }

  async follow(runId: string, signal: AbortSignal): Promise<SeenRun> {
    for await (const { event, data } of this.api.events(`/runs/${runId}/events`, signal)) {
      if (event === 'run') await this.showRun(data as SeenRun);
      if (event === 'message') await this.showMessage(data as SeenMessage);
    }
    const run = await this.api.get<SeenRun>(`/runs/${runId}`);
    await this.showRun(run);
    return run;
  }

  private async showMessage(message: SeenMessage): Promise<void> {
    if (message.kind === 'prompt') await this.showAgents();
    this.conversation.show(message);
  }

  private async showRun(run: SeenRun): Promise<void> {
    this.lastRun = run;
    this.once('fired', () => this.terminal.step(`fired: run ${run.id} (${run.trigger})`));
    if (run.phase !== 'queued') await this.showAgents();
    if (run.phase === 'tearing_down') this.once('tearing down', () => this.terminal.step('tearing down'));
    if (run.phase === 'finished') this.once('finished', () => this.showEnd(run));
  }

  private async showAgents(): Promise<void> {
    const id = this.lastRun?.teamDeploymentId;
    if (!id || this.told.has('prompted')) return;
    const deployment = await this.api.get<SeenDeployment>(`/deployments/${id}`);
    this.once('deploying', () => this.terminal.step(`deploying ${this.terminal.style('bold', deployment.name)}`));
    for (const { name, container, startedAt, readyAt } of deployment.agents) {
      if (startedAt)
        this.once(`started ${name}`, () =>
          this.terminal.step(`  ${this.terminal.agent(name)} started as ${container}`),
        );
      if (readyAt) this.once(`ready ${name}`, () => this.terminal.step(`  ${this.terminal.agent(name)} ready`));
    }
    if (deployment.agents.every(({ readyAt }) => readyAt)) this.told.add('prompted');
  }

  private showEnd(run: SeenRun): void {
    const took =
      run.startedAt && run.finishedAt
        ? ` in ${((Date.parse(run.finishedAt) - Date.parse(run.startedAt)) / 1_000).toFixed(1)} s`
        : '';
    if (run.status === 'success') this.terminal.done(`${this.terminal.style('bold', 'success')}${took}`);
    else
      this.terminal.error(
        new Error(`${run.status}${took}${run.error ? `: ${run.error.message} (${run.error.code})` : ''}`),
      );
    if (run.teardown) this.terminal.done(receipt(run.teardown));
  }

  private once(what: string, tell: () => void): void {
    if (this.told.has(what)) return;
    this.told.add(what);
    tell();
  }
}

function receipt({ containers, networks, volumes, verifiedAt }: NonNullable<SeenRun['teardown']>): string {
  const parts = [count(containers, 'container'), count(networks, 'network'), count(volumes, 'volume')].filter(
    (part) => part !== null,
  );
  const proof = verifiedAt === null ? 'its host was given up, unverified' : `verified clean at ${verifiedAt}`;
  return `removed ${parts.join(', ') || 'nothing'}; ${proof}`;
}

function count(n: number, what: string): string | null {
  return n === 0 ? null : `${n} ${what}${n === 1 ? '' : 's'}`;
}
