import type { AgentSpec, DeploymentSpec } from '@crewtab/domain/ports/runtime';
import { GUARD_FOLDER } from '@crewtab/agent-guard/guard-records';
import type Docker from 'dockerode';
import { posix } from 'node:path';
import { NETWORK_DIR, TOOLS_DIR, WORKSPACE_DIR } from '../docker-options';
import { LABELS, runLabels } from '../resources/run-resources';

/*
 * Where an agent may write when its container's root file system is read-only: the workspace, a tmpfs at /tmp, and two
 * volumes that go with the container: its HOME, which the engine fills with what the image has there, and the guard's folder,
 * whose file must outlive the container's end. Both bear the run's labels, so that they are measured and none is left behind.
 */

const TMP = '/tmp';
/** Of the memory of a container, in which its tmpfs lies: whoever fills it is told so before the engine ends the agent. */
const TMP_SHARE = 0.5;

/** For the engine's `Tmpfs`. Executable, since package managers and compilers build there. */
export function tmpfsOf(memoryBytes: number, tmpBytes: number): Record<string, string> {
  const size = Math.min(tmpBytes, Math.floor(memoryBytes * TMP_SHARE));
  return { [TMP]: `rw,exec,nosuid,nodev,mode=1777,size=${size}` };
}

/** Without a name of their own they are removed with their container. */
export function ownVolumes(deployment: DeploymentSpec, agent: AgentSpec, imageHome: string): Docker.MountSettings[] {
  const Labels = { ...runLabels(deployment), [LABELS.agent]: agent.name };
  const mount = (Target: string) => ({ Type: 'volume', Target, VolumeOptions: { Labels } });
  // The types want a driver and `NoCopy` beside the labels; the engine does not.
  return volumeFolders(agent, imageHome).map(mount) as unknown as Docker.MountSettings[];
}

function volumeFolders(agent: AgentSpec, imageHome: string): string[] {
  const home = homeFolder(agent.env.HOME ?? imageHome);
  return home === null ? [GUARD_FOLDER] : [GUARD_FOLDER, home];
}

/** Of the system, which is no place for a home, and what is mounted already. */
const NO_HOMES = ['bin', 'boot', 'dev', 'etc', 'lib', 'lib32', 'lib64', 'proc', 'sbin', 'sys', 'usr'].map(
  (it) => `/${it}`,
);
const MOUNTED = [TMP, WORKSPACE_DIR, TOOLS_DIR, NETWORK_DIR, GUARD_FOLDER];

/** Null where a HOME needs no volume, or none can stand there. */
function homeFolder(home: string): string | null {
  if (!home.startsWith('/')) return null;
  const path = posix.normalize(home).replace(/\/$/, '');
  const isIn = (folder: string): boolean => path === folder || path.startsWith(`${folder}/`);
  const holds = (folder: string): boolean => folder.startsWith(`${path}/`);
  return path === '' || [...NO_HOMES, ...MOUNTED].some(isIn) || MOUNTED.some(holds) ? null : path;
}
