import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@crewtab/domain/errors';
import type { AgentSpec, DeploymentSpec, OutputLine, TeardownReport } from '@crewtab/domain/ports/runtime';
import type { KubernetesRuntime } from '@crewtab/runtime-kubernetes/kubernetes-runtime';
import { deployOptions } from '../contracts/runtime/contract-fixture';
import { AGENT_IMAGE, describeWithCluster, makeRuntime } from './cluster';

/**
 * A program that kills a part of the cluster and starts it again: `PROGRAM kubelet KILL 5`. Not every cluster can be treated so; without one
 * these tests are skipped.
 */
const RESTART = process.env.CREWTAB_TEST_KUBERNETES_RESTART ?? '';
const ROUNDS = Number(process.env.CREWTAB_TEST_KUBERNETES_ROUNDS ?? '1');
const PARTS = ['kubelet', 'containerd', 'apiserver', 'etcd'] as const;
const DOWN_SECONDS = 4;
const TICKS = 300;
const TICK_MS = 50;
const WRITES = 6;

/** Counts, and says what it is told. */
const PROGRAM = `let n = 0;
setInterval(() => { if (n < ${TICKS}) console.log('tick ' + ++n); else if (done) process.exit(5); }, ${TICK_MS});
let done = false;
require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  console.log('told ' + line);
  if (line === '${WRITES - 1}') done = true;
});`;

/** As the orchestrator does: what does not answer is asked again. */
async function untilReachable<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof AppError) || !error.retryable) throw error;
      await delay(300);
    }
  }
}

async function restart(part: string): Promise<void> {
  const child = spawn(RESTART, [part, 'KILL', String(DOWN_SECONDS)], { stdio: 'ignore' });
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`${RESTART} ${part} ended with ${String(code)}`);
}

/** All of its output, read again from its beginning wherever it breaks. */
async function readAll(runtime: KubernetesRuntime, handle: string): Promise<OutputLine[]> {
  return untilReachable(async () => {
    const channel = await runtime.open(handle);
    const lines: OutputLine[] = [];
    try {
      for await (const line of channel.output) lines.push(line);
    } finally {
      channel.close();
    }
    return lines;
  });
}

async function tell(runtime: KubernetesRuntime, handle: string): Promise<void> {
  const channel = await untilReachable(() => runtime.open(handle));
  for (let number = 0; number < WRITES; number++) {
    await channel.write(`${number}\n`);
    await delay(1_000);
  }
  channel.close();
}

async function untilClean(runtime: KubernetesRuntime, { installationId, runId }: DeploymentSpec): Promise<void> {
  for (;;) {
    const report: TeardownReport = await untilReachable(() => runtime.teardown(installationId, runId, { graceMs: 0 }));
    if (report.left.length === 0) break;
  }
  expect(await untilReachable(() => runtime.list(installationId))).toEqual([]);
}

describeWithCluster('a cluster of which a part dies', (namespace) => {
  const cases = Array.from({ length: ROUNDS }, () =>
    PARTS.flatMap((part) => (['deploying', 'talking', 'teardown'] as const).map((phase) => [part, phase] as const)),
  ).flat();
  // Without the program they are skipped, and counted as skipped.
  const each = RESTART === '' ? it.skip.each(cases) : it.each(cases);

  each(
    '%s, while %s: nothing is lost, doubled or left behind',
    async (part, phase) => {
      const runtime = makeRuntime(namespace());
      const runId = randomUUID();
      const agent: AgentSpec = {
        name: 'solo',
        image: AGENT_IMAGE,
        command: ['/usr/bin/node', '-e', PROGRAM],
        env: {},
        resources: {},
        stdin: 'open',
        tools: null,
      };
      const deployment: DeploymentSpec = {
        installationId: `deaths-${randomUUID()}`,
        runId,
        name: `deaths-run-${runId.slice(-6)}`,
        epoch: 1,
        deadlineAt: new Date(Date.now() + 600_000),
        network: { kind: 'open', hasOwnBridge: false },
        agents: [agent],
      };
      let death: Promise<void> = Promise.resolve();
      const dies = (now: typeof phase): void => void (phase === now && (death = restart(part)));
      try {
        dies('deploying');
        await untilReachable(() => runtime.prepare(deployment, deployOptions()));
        const { handle } = await untilReachable(() => runtime.ensureAgent(deployment, agent));
        const [lines] = await Promise.all([
          readAll(runtime, handle),
          tell(runtime, handle),
          delay(1_000).then(() => dies('talking')),
        ]);
        const texts = lines.map(({ text }) => text);
        const ofKind = (kind: string): string[] => texts.filter((text) => text.startsWith(kind));
        expect(ofKind('tick')).toEqual(Array.from({ length: TICKS }, (_, index) => `tick ${index + 1}`));
        expect(ofKind('told')).toEqual(Array.from({ length: WRITES }, (_, index) => `told ${index}`));
        expect(await untilReachable(() => runtime.inspect(handle))).toMatchObject({ status: 'exited', exitCode: 5 });
        dies('teardown');
      } finally {
        await untilClean(runtime, deployment);
        await death;
        await runtime.close();
      }
    },
    240_000,
  );
});
