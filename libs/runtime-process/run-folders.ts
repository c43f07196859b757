import { randomUUID } from 'node:crypto';
import { link, lstat, mkdir, readdir, readlink, rename, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readAgentFile } from '@crewtab/agent-files/open-agent-file';
import { removeTree } from '@crewtab/agent-files/remove-tree';
import { AppError } from '@crewtab/domain/errors';
import { effect } from '@crewtab/domain/failpoint';
import type { DeploymentSpec, RunResources } from '@crewtab/domain/ports/runtime';

/** What a run's folder says of itself: the counterpart of a container's labels. */
export interface RunLabel {
  readonly installationId: string;
  readonly runId: string;
  readonly name: string;
  readonly epoch: number;
  readonly deadlineAt: string;
}

/** Of the small files of this runtime, bytes. */
const LONGEST_RECORD = 64 * 1024;
const SAFE_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

/**
 * Where everything of the process runtime lies:
 *
 *     <root>/host-id                          this host's identity
 *     <root>/names/<deployment>               → ../runs/<run>: finds a run by its name, and keeps the name for it
 *     <root>/exits/<installation>/<run>~<agent>   made when an agent ends
 *     <root>/runs/<run>/run.json              whose it is; last to go
 *     <root>/runs/<run>/workspace/
 *     <root>/runs/<run>/agents/<agent>/       stdin (FIFO), stdout, stderr, home/, tmp/
 *     <root>/runs/<run>/agents/<agent>/state/ supervisor.json, agent.json, exit.json, stdin-ended
 *
 * Folders appear whole, by a rename, so that a crash leaves none that is half made. Agents are the worker's own user and may
 * change all of it: what is read may be anything, links and FIFOs included, and what is not as it was made counts as absent.
 */
export class RunFolders {
  constructor(readonly rootDir: string) {}

  runDir(runId: string): string {
    return join(this.rootDir, 'runs', checked(runId));
  }

  workspaceDir(runId: string): string {
    return join(this.runDir(runId), 'workspace');
  }

  agentsDir(runId: string): string {
    return join(this.runDir(runId), 'agents');
  }

  agentDir(runId: string, agent: string): string {
    return join(this.agentsDir(runId), checked(agent));
  }

  exitsDir(installationId: string): string {
    return join(this.rootDir, 'exits', checked(installationId));
  }

  /** Get-or-create. @throws AppError `name_conflict` where another run has the deployment's name */
  async createRun(deployment: DeploymentSpec): Promise<void> {
    await this.claimName(deployment.name, deployment.runId);
    const exits = this.exitsDir(deployment.installationId);
    await effect('process.exits-folder.make', () => mkdir(exits, { recursive: true }));
    await effect('process.runs-folder.make', () => mkdir(join(this.rootDir, 'runs'), { recursive: true }));
    await this.appear(this.runDir(deployment.runId), async (unfinished) => {
      await effect('process.workspace.make', () => mkdir(join(unfinished, 'workspace')));
      await effect('process.agents-folder.make', () => mkdir(join(unfinished, 'agents')));
      const { installationId, runId, name, epoch, deadlineAt } = deployment;
      const label: RunLabel = { installationId, runId, name, epoch, deadlineAt: deadlineAt.toISOString() };
      await effect('process.label.write', () => writeFile(join(unfinished, 'run.json'), JSON.stringify(label)));
    });
  }

  /**
   * Makes a folder that appears once `fill` is done with it. Where one stands already, that one stays.
   * Only its owner may look inside: what agents write may be secret.
   */
  async appear(path: string, fill: (unfinished: string) => Promise<void>): Promise<void> {
    if (await exists(path)) return;
    const unfinished = join(path, '..', `.${basename(path)}.${randomUUID().slice(0, 8)}`);
    await effect('process.folder.begin', () => mkdir(unfinished, { mode: 0o700 }));
    try {
      await fill(unfinished);
      await effect('process.folder.appear', () => rename(unfinished, path));
    } catch (error) {
      await removeTree('process.folder.give-up', unfinished);
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    }
  }

  /** Null where there is no such run, or what lies there is not that run. */
  async readLabel(runId: string): Promise<RunLabel | null> {
    const runDir = this.runDir(runId);
    const label = (await isFolder(runDir)) ? await readRecord(join(runDir, 'run.json')) : null;
    return isLabel(label) && label.runId === runId ? label : null;
  }

  /** Whether anything lies in the place of the run's folder. */
  async hasAnything(runId: string): Promise<boolean> {
    return (await lstat(this.runDir(runId)).catch(ignoring('ENOENT', 'ENOTDIR'))) !== undefined;
  }

  /** A folder alone is an agent: a link would lead to what belongs to another run. */
  async listAgents(runId: string): Promise<string[]> {
    const agentsDir = this.agentsDir(runId);
    if (!(await isFolder(this.runDir(runId))) || !(await isFolder(agentsDir))) return [];
    const entries = (await readdir(agentsDir, { withFileTypes: true }).catch(ignoring('ENOENT'))) ?? [];
    return entries.filter((entry) => entry.isDirectory() && SAFE_NAME.test(entry.name)).map(({ name }) => name);
  }

  async list(installationId: string): Promise<RunResources[]> {
    const runIds = (await readdirIfThere(join(this.rootDir, 'runs'))).filter((name) => SAFE_NAME.test(name));
    const runs = await Promise.all(runIds.map((runId) => this.describe(runId, installationId)));
    return runs.filter((run) => run !== null);
  }

  /** Removes all of a run but its processes; `run.json` last, so that whatever a crash leaves is still found by `list`. */
  async removeRun(installationId: string, runId: string): Promise<void> {
    const runDir = this.runDir(runId);
    // A link in its place must not lead to the folders of another run.
    if (await isFolder(runDir))
      for (const part of ['agents', 'workspace']) await removeTree('process.part.remove', join(runDir, part));
    const exits = this.exitsDir(installationId);
    for (const exit of await readdirIfThere(exits))
      if (exit.startsWith(`${runId}~`)) await removeTree('process.exit.remove', join(exits, exit));
    const names = join(this.rootDir, 'names');
    for (const name of await readdirIfThere(names))
      if ((await ownerOf(join(names, name))) === runId)
        await effect('process.name.remove', () => rm(join(names, name), { force: true }));
    for (const left of await readdirIfThere(join(this.rootDir, 'runs'))) {
      // Half made by a worker that died.
      if (left.startsWith(`.${runId}.`)) await removeTree('process.half-made.remove', join(this.rootDir, 'runs', left));
    }
    await removeTree('process.run-folder.remove', runDir);
  }

  /** The id in the root directory; made by the first who asks. */
  async hostId(): Promise<string> {
    await effect('process.root.make', () => mkdir(this.rootDir, { recursive: true, mode: 0o700 }));
    const path = join(this.rootDir, 'host-id');
    const own = `${path}.${randomUUID()}`;
    if (!(await exists(path))) {
      await effect('process.host-id.write', () => writeFile(own, `process-${randomUUID().slice(0, 13)}`));
      await effect('process.host-id.put-in-place', () => link(own, path).catch(ignoring('EEXIST')));
      await effect('process.host-id.tidy', () => unlink(own));
    }
    return ((await readAgentFile(path, LONGEST_RECORD)) ?? '').trim();
  }

  private async claimName(name: string, runId: string): Promise<void> {
    const names = join(this.rootDir, 'names');
    await effect('process.names-folder.make', () => mkdir(names, { recursive: true, mode: 0o700 }));
    const path = join(names, checked(name));
    const target = join('..', 'runs', checked(runId));
    await effect('process.name.claim', () => symlink(target, path).catch(ignoring('EEXIST')));
    const owner = await ownerOf(path);
    if (owner !== runId) throw new AppError('name_conflict', `the name ${name} belongs to run ${owner ?? 'unknown'}`);
  }

  private async describe(runId: string, installationId: string): Promise<RunResources | null> {
    const label = await this.readLabel(runId);
    if (label?.installationId !== installationId) return null;
    const agents = await this.listAgents(runId);
    const paths = [this.runDir(runId), ...agents.map((agent) => this.agentDir(runId, agent))];
    const madeAtMs = await Promise.all(
      paths.map((path) => lstat(path).then(({ ctimeMs }) => ctimeMs, ignoring('ENOENT'))),
    );
    const youngestAtMs = Math.max(...madeAtMs.map((at) => at ?? 0));
    return {
      runId,
      resources: { process: agents.length, directory: 1 },
      youngestAgeMs: Math.max(0, Date.now() - youngestAtMs),
    };
  }
}

/** What a small JSON file of this runtime says; they are written whole. Null where there is none, or something else. */
export async function readRecord(path: string): Promise<unknown> {
  try {
    return JSON.parse((await readAgentFile(path, LONGEST_RECORD)) ?? 'null');
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof AppError) return null;
    throw error;
  }
}

function isLabel(value: unknown): value is RunLabel {
  if (typeof value !== 'object' || value === null) return false;
  const { installationId, runId, name } = value as Record<string, unknown>;
  return [installationId, runId, name].every((field) => typeof field === 'string' && SAFE_NAME.test(field));
}

/** True for a folder itself, and not for a link to one. */
export async function isFolder(path: string): Promise<boolean> {
  return (await lstat(path).catch(ignoring('ENOENT', 'ENOTDIR')))?.isDirectory() ?? false;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(ignoring('ENOENT', 'ENOTDIR'))) !== undefined;
}

/** For `catch`: the codes that are no error here become undefined. */
export function ignoring(...codes: string[]): (error: NodeJS.ErrnoException) => undefined {
  return (error) => {
    if (!codes.includes(error.code ?? '')) throw error;
    return undefined;
  };
}

async function readdirIfThere(path: string): Promise<string[]> {
  return (await readdir(path).catch(ignoring('ENOENT'))) ?? [];
}

async function ownerOf(name: string): Promise<string | null> {
  const target = await readlink(name).catch(ignoring('ENOENT', 'EINVAL'));
  return target === undefined ? null : basename(target);
}

/** Ids and names become paths: nothing may lead out of the root directory. */
function checked(name: string): string {
  if (!SAFE_NAME.test(name)) throw new AppError('create_failed', `"${name}" cannot be the name of a directory`);
  return name;
}
