import type { ApiClient } from '@crewtab/api-client/api-client';
import type { MessageView, RunView as Run } from '@crewtab/api-contract/run-routes';
import { ConversationView } from './conversation-view';
import type { Terminal } from './terminal';

/** Follows one run to its very end and prints what happens. @returns the run as it ended */
export class RunView {
  private readonly conversation: ConversationView;
  private readonly told = new Set<string>();
  private lastRun: Run | null = null;

  constructor(
    private readonly api: ApiClient,
    private readonly terminal: Terminal,
  ) {
    this.conversation = new ConversationView(terminal);
  }

  async follow(runId: string, signal: AbortSignal): Promise<Run> {
    const params = { id: runId };
    for await (const { event, data } of this.api.events('GET /runs/:id/events', { params, signal })) {
      if (event === 'run') await this.showRun(data);
      else await this.showMessage(data);
    }
    const run = await this.api.request('GET /runs/:id', { params });
    await this.showRun(run);
    return run;
  }

  private async showMessage(message: MessageView): Promise<void> {
    if (message.kind === 'prompt') await this.showAgents();
    this.conversation.show(message);
  }

  private async showRun(run: Run): Promise<void> {
    this.lastRun = run;
    this.once('fired', () => this.terminal.step(`fired: run ${run.id} (${run.trigger})`));
    if (run.phase !== 'queued') await this.showAgents();
    if (run.phase === 'verifying') this.once('verifying', () => this.terminal.step('verifying the work'));
    if (run.phase === 'tearing_down') this.once('tearing down', () => this.terminal.step('tearing down'));
    if (run.phase === 'finished') this.once('finished', () => this.showEnd(run));
  }

  private async showAgents(): Promise<void> {
    const id = this.lastRun?.teamDeploymentId;
    if (!id || this.told.has('prompted')) return;
    const deployment = await this.api.request('GET /deployments/:id', { params: { id } });
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

  private showEnd(run: Run): void {
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

function receipt({ removed, verifiedAt }: NonNullable<Run['teardown']>): string {
  const parts = Object.entries(removed).map(([kind, count]) => `${count} ${count === 1 ? kind : plural(kind)}`);
  const proof = verifiedAt === null ? 'its host was given up, unverified' : `verified clean at ${verifiedAt}`;
  return `removed ${parts.join(', ') || 'nothing'}; ${proof}`;
}

function plural(kind: string): string {
  if (kind.endsWith('s')) return `${kind}es`;
  return kind.endsWith('y') ? `${kind.slice(0, -1)}ies` : `${kind}s`;
}
