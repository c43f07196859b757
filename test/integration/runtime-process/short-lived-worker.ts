import { ProcessRuntime } from '@crewtab/runtime-process/process-runtime';
import { deployOptions } from '../../contracts/runtime/contract-fixture';
import type { AgentSpec, DeploymentSpec } from '@crewtab/domain/ports/runtime';

/**
 * A worker of its own, to be killed: starts the agent that it is told in argv, writes `one` to it, prints the handle
 * and each line of the agent, and reads on.
 */
async function main(): Promise<void> {
  const [rootDir = '', deploymentJson = '', agentJson = ''] = process.argv.slice(2);
  const runtime = new ProcessRuntime({ rootDir, searchPath: process.env['PATH'] ?? '' });
  const plain = JSON.parse(deploymentJson) as DeploymentSpec;
  const deployment = { ...plain, deadlineAt: new Date(plain.deadlineAt) };
  await runtime.prepare(deployment);
  const { handle } = await runtime.ensureAgent(deployment, JSON.parse(agentJson) as AgentSpec, deployOptions());
  console.log(`handle ${handle}`);
  const channel = await runtime.open(handle);
  await channel.write('one\n');
  for await (const { text } of channel.output) console.log(`line ${text}`);
}

void main();
