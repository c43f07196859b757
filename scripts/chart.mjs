// Renders deploy/helm/crewtab without Helm, by Go's templates with Debian's sprig (test/kubernetes/chart/renderer):
//   node scripts/chart.mjs                    writes deploy/kubernetes/crewtab.yaml, for those without Helm, with the values beside it
//   node scripts/chart.mjs --check            exit code 1 where that file is not what would be written
//   node scripts/chart.mjs --json ARGUMENTS   prints a list of {source, content, object}; values as JSON from stdin
// Exit code 3: Go or sprig is missing here (Debian: apt-get install golang-go golang-github-masterminds-sprig-dev).
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digest, projectFolder } from './lib/project.mjs';

const MISSING = 3;
const GO_PATH = process.env.CREWTAB_GO_PATH ?? '/usr/share/gocode';
const CHART = join(projectFolder, 'deploy/helm/crewtab');
const PLAIN = join(projectFolder, 'deploy/kubernetes/crewtab.yaml');
const PLAIN_VALUES = join(projectFolder, 'deploy/kubernetes/values.yaml');
const HEAD = `# Crewtab on a cluster, for those without Helm: schedulers and workers in the namespace crewtab, teams' pods in crewtab-teams. Rendered from
# deploy/helm/crewtab with the values beside this file, by node scripts/chart.mjs: change those. docs/kubernetes.md says how it is used.
#
# Before it, once:
#   kubectl create namespace crewtab
#   kubectl -n crewtab create secret generic crewtab \\
#     --from-literal=DATABASE_URL=postgresql://… --from-literal=REDIS_URL=rediss://… \\
#     --from-literal=CREWTAB_ENCRYPTION_KEY="$(openssl rand -hex 32)" --from-literal=CREWTAB_API_KEY="$(openssl rand -base64 24)"
# Keep the encryption key: without it, stored secrets cannot be read.
`;

const [mode, ...rest] = process.argv.slice(2);
if (mode === '--json') process.stdout.write(render(rest, readFileSync(0, 'utf8')));
else writePlain(mode === '--check');

function writePlain(isCheck) {
  const release = ['-name', 'crewtab', '-namespace', 'crewtab', '-service', 'kubectl', '-values', PLAIN_VALUES];
  const documents = JSON.parse(render(release, ''));
  const text =
    HEAD +
    documents
      .filter(({ source }) => !source.endsWith('.txt'))
      .map(asYaml)
      .join('');
  if (!isCheck) return writeFileSync(PLAIN, text);
  if (readFileSync(PLAIN, 'utf8') === text) return;
  console.error('deploy/kubernetes/crewtab.yaml is not what the chart gives: run node scripts/chart.mjs');
  process.exitCode = 1;
}

/** Its only own words are comments of templates, which stay; empty lines do not. */
function asYaml({ content }) {
  return `---\n${content.replace(/\n{2,}/g, '\n')}`;
}

/** @returns JSON of the renderer. Ends this process with its words where it refuses the chart or the values. */
function render(args, values) {
  return run(renderer(), ['-chart', CHART, ...args], { input: values });
}

/** Built once for each state of its source. */
function renderer() {
  const folder = join(projectFolder, 'test/kubernetes/chart/renderer');
  const built = join(
    projectFolder,
    'node_modules/.cache',
    `chart-renderer-${digest(readFileSync(join(folder, 'main.go'))).slice(0, 16)}`,
  );
  if (existsSync(built)) return built;
  const env = { ...process.env, GO111MODULE: 'off', GOPATH: GO_PATH, GOFLAGS: '' };
  if (spawnSync('go', ['version'], { env }).error) giveUp('there is no Go');
  if (!existsSync(join(GO_PATH, 'src/github.com/Masterminds/sprig'))) giveUp(`there is no sprig in ${GO_PATH}`);
  mkdirSync(join(projectFolder, 'node_modules/.cache'), { recursive: true });
  const unfinished = `${built}.${process.pid}`;
  run('go', ['build', '-o', unfinished, '.'], { cwd: folder, env });
  renameSync(unfinished, built);
  return built;
}

function giveUp(why) {
  console.error(`${why}: apt-get install golang-go golang-github-masterminds-sprig-dev`);
  process.exit(MISSING);
}

function run(program, args, options) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 ** 2,
    ...options,
  });
  if (error) throw error;
  if (status === 0) return stdout;
  process.stderr.write(stderr);
  process.exit(1);
}
