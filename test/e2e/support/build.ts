import { resolve } from 'node:path';
import { startNode } from '../../kit/processes';
import { oncePerRun } from '../../kit/services/once-per-run';

/** The apps as they stand, once in a run of tests. @throws Error with the build's words */
export async function buildApps(): Promise<void> {
  await oncePerRun('build', build);
}

async function build(): Promise<string> {
  const building = startNode('build', [resolve('scripts/build.mjs')]);
  const { code } = await building.exited;
  if (code !== 0) throw new Error(`the build failed:\n${building.tail()}`);
  return 'built';
}
