import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { AgentSpec, DeploymentSpec, OutputLine } from '@crewtab/domain/ports/runtime';
import { makeTar } from '@crewtab/runtime-docker/agents/containers';
import {
  containerFiles,
  containerSpec,
  workspaceName,
  type ImageFacts,
} from '@crewtab/runtime-docker/agents/container-spec';
import { settingsFrom } from '@crewtab/runtime-docker/docker-options';
import { EngineClient } from '@crewtab/runtime-docker/engine/engine-client';
import { ImageFactsBook, Images } from '@crewtab/runtime-docker/images/images';
import { labelFilter, runLabels } from '@crewtab/runtime-docker/resources/run-resources';
import { LogLines } from '@crewtab/runtime-docker/output/plain-output';
import { StdinWriter } from '@crewtab/runtime-docker/output/docker-channel';
import type Docker from 'dockerode';
import type { EngineTrace } from './engine-trace';
import { rememberInstallation } from './leftovers';

/** One agent that was started by hand, with its log and its stdin. */
interface Attached {
  readonly container: Docker.Container;
  readonly log: IncomingMessage;
  readonly stdin: StdinWriter;
  readonly lines: AsyncGenerator<OutputLine, void>;
}

/** On the labels of what is made here. */
const INSTALLATION = `bench-direct-${randomUUID()}`;
const HOUR_MS = 3_600_000;
const INITIALIZE = { protocolVersion: 1, clientCapabilities: { fs: { readTextFile: false, writeTextFile: false } } };

/**
 * The calls of a run made directly through dockerode, without anything around them: no store, no claim, no decisions,
 * no conversation. The same calls with the same bodies as the product's, in the same order.
 */
export class DirectEngine {
  private readonly settings;
  private readonly engine: EngineClient;
  private facts: ImageFacts | null = null;

  constructor(
    dockerHost: string | null,
    private readonly image: string,
    private readonly trace: EngineTrace,
  ) {
    this.settings = settingsFrom({ dockerHost });
    this.engine = new EngineClient(dockerHost, this.settings);
    rememberInstallation(INSTALLATION);
  }

  /** Looks into the image once, as the product does at its first run. */
  async prepare(): Promise<void> {
    const book = new ImageFactsBook(this.engine, new Images(this.engine));
    this.facts = await book.of(this.image, this.newTeam().deployment, new AbortController().signal);
  }

  newTeam(): DirectTeam {
    const suffix = randomBytes(4).toString('hex');
    const deployment: DeploymentSpec = {
      installationId: INSTALLATION,
      runId: randomUUID(),
      name: `bench-direct-${suffix}`,
      epoch: 1,
      deadlineAt: new Date(Date.now() + HOUR_MS),
      network: { kind: 'open', hasOwnBridge: false },
      agents: [],
    };
    return new DirectTeam(this.engine, this.settings, this.image, this.facts, deployment, this.trace);
  }

  close(): void {
    this.engine.close();
  }
}

export class DirectTeam {
  private readonly attached: Attached[] = [];
  private readonly docker: Docker;

  constructor(
    private readonly engine: EngineClient,
    private readonly settings: ReturnType<typeof settingsFrom>,
    private readonly image: string,
    private readonly facts: ImageFacts | null,
    readonly deployment: DeploymentSpec,
    private readonly trace: EngineTrace,
  ) {
    this.docker = engine.docker;
  }

  /** Network, volume, image: what the agents share. */
  async prepareShared(): Promise<void> {
    const volume = async (): Promise<unknown> => {
      const labels = runLabels(this.deployment);
      const made = await this.docker.createVolume({ Name: workspaceName(this.deployment), Labels: labels });
      return made.inspect();
    };
    await Promise.all([
      this.docker.listNetworks({ filters: { name: [this.settings.egressNetwork] } }),
      volume(),
      this.docker.getImage(this.image).inspect(),
    ]);
  }

  /** Create, put its files in, start. */
  async start(name: string): Promise<Docker.Container> {
    if (!this.facts) throw new Error('the image was not looked into');
    const agent: AgentSpec = {
      name,
      image: this.image,
      command: null,
      env: {},
      resources: {},
      stdin: 'open',
      tools: null,
    };
    const launch = { kind: 'limited', endsAfterSeconds: 3_600, under: null } as const;
    const spec = containerSpec(this.deployment, agent, this.facts, this.settings, launch);
    const container = await this.docker.createContainer(spec);
    const files = containerFiles(agent, this.facts, { guard: null, confine: null, forwarder: null });
    if (files.length > 0) await container.putArchive(await makeTar(files), { path: '/' });
    await container.start();
    return container;
  }

  /** Follows the log, attaches, and shakes hands. @returns the session's id */
  async shakeHands(container: Docker.Container): Promise<{ agent: Attached; sessionId: string }> {
    const options = { follow: true, stdout: true, stderr: true } as const;
    const log = (await container.logs(options)) as unknown as IncomingMessage;
    log.on('error', () => undefined);
    // Not dockerode's attach, which may send its options into the agent's stdin; the attach call is the same.
    const stdin = new StdinWriter(this.engine, container.id, () => null);
    const agent: Attached = { container, log, stdin, lines: readLines(log) };
    this.attached.push(agent);
    await this.ask(agent, 'initialize', 'initialize', INITIALIZE);
    const session = await this.ask(agent, 'session', 'session/new', { cwd: '/workspace', mcpServers: [] });
    return { agent, sessionId: String(session['sessionId']) };
  }

  prompt(agent: Attached, sessionId: string, text: string): Promise<Record<string, unknown>> {
    return this.ask(agent, 'prompt', 'session/prompt', { sessionId, prompt: [{ type: 'text', text }] });
  }

  /** Removes everything with the run's label and asks whether it is gone. */
  async remove(): Promise<void> {
    for (const { log, stdin } of this.attached) {
      log.destroy();
      stdin.close();
    }
    const [containers, , volumes] = await this.list();
    await Promise.all(containers.map(({ Id: id }) => this.docker.getContainer(id).remove({ force: true, v: true })));
    await Promise.all(volumes.Volumes.map(({ Name: name }) => this.docker.getVolume(name).remove()));
    const [left] = await this.list();
    if (left.length > 0) throw new Error('the engine is not clean');
  }

  private list() {
    const filters = { label: labelFilter(this.deployment.installationId, this.deployment.runId) };
    return Promise.all([
      this.docker.listContainers({ all: true, filters }),
      this.docker.listNetworks({ filters }),
      this.docker.listVolumes({ filters }),
    ]);
  }

  private async ask(agent: Attached, id: string, method: string, params: object): Promise<Record<string, unknown>> {
    await agent.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    const from = performance.now();
    for (;;) {
      const next = await agent.lines.next();
      if (next.done === true) throw new Error(`the agent ended before it answered ${method}`);
      const answer = JSON.parse(next.value.text) as { id?: unknown; result?: Record<string, unknown> };
      if (answer.id !== id || !answer.result) continue;
      this.trace.add({ what: 'agent', from, to: performance.now() });
      return answer.result;
    }
  }
}

async function* readLines(log: IncomingMessage): AsyncGenerator<OutputLine, void> {
  const lines = new LogLines();
  for await (const chunk of log as AsyncIterable<Buffer>) yield* lines.push(chunk);
}
