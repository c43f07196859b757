import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const SCRIPT = join(__dirname, '../../scripts/chart.mjs');
/** Exit code of the script where this machine lacks what renders. */
const MISSING = 3;
/** The renderer is compiled at first. */
const LIMIT_MS = 120_000;

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels: Record<string, string> };
  readonly [part: string]: unknown;
}

export interface ChartRelease {
  readonly namespace?: string;
  /** A version of Kubernetes. */
  readonly kube?: string;
}

/** Why charts cannot be rendered on this machine; null where they can. */
export function whyNoRenderer(): string | null {
  const { status, stderr } = run(['--check']);
  return status === MISSING ? stderr.trim() : null;
}

/** The chart's objects in the order of their installation. @throws Error with the words of what refused the values */
export function renderChart(values: object, { namespace = 'crewtab', kube = '1.29.0' }: ChartRelease = {}): Manifest[] {
  const { status, stdout, stderr } = run(['--json', '-namespace', namespace, '-kube', kube], JSON.stringify(values));
  if (status !== 0) throw new Error(stderr.trim());
  const documents = JSON.parse(stdout) as { object: Manifest | null }[];
  // What is there for people is no object.
  return documents.flatMap(({ object }) => object ?? []);
}

export function checkPlainYaml(): { readonly status: number | null; readonly stderr: string } {
  return run(['--check']);
}

function run(args: readonly string[], input = ''): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [SCRIPT, ...args], { encoding: 'utf8', input, timeout: LIMIT_MS });
}
