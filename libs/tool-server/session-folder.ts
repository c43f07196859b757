import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readAgentFile } from '@crewtab/agent-files/open-agent-file';
import { removeTree } from '@crewtab/agent-files/remove-tree';
import { AppError } from '@crewtab/domain/errors';
import { effect } from '@crewtab/domain/failpoint';

/** By which agents know the socket, and the program that speaks to it. */
export const SOCKET_NAME = 'team.sock';
export const BRIDGE_NAME = 'team-bridge.js';
/** Beside the runs' folders: one empty file per run, named after it. */
const RECORDS = 'runs';
/** In a run's folder of an earlier version: the run's id. */
const FORMER_RECORD = 'run';
const RUN_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const LONGEST_ID = 36;

/** A run's folder: what its leader sees, and beside it those of its teammates. Short, because a socket's path must be. */
export function folderName(runId: string, seat = 0): string {
  const ofRun = runId.replaceAll('-', '').slice(-16);
  return seat === 0 ? ofRun : `${ofRun}.${seat.toString(36)}`;
}

/** Notes that the run has a folder, where no agent sees it. */
export async function recordRun(rootDir: string, runId: string): Promise<void> {
  await effect('tools.records.make', () => mkdir(join(rootDir, RECORDS), { recursive: true }));
  await effect('tools.record.write', () => writeFile(join(rootDir, RECORDS, runId), ''));
}

/** Runs that have a folder. One of an earlier version whose agent spoiled the run's id in it is found by its run alone. */
export async function recordedRuns(rootDir: string): Promise<string[]> {
  const runIds = new Set(await readdir(join(rootDir, RECORDS)).catch(noneIfAbsent));
  const known = new Set([...runIds].map((runId) => folderName(runId)));
  for (const folder of await readdir(rootDir).catch(noneIfAbsent)) {
    if (folder === RECORDS || known.has(folder)) continue;
    const runId = await formerRecord(join(rootDir, folder));
    if (runId !== null && RUN_ID.test(runId) && folderName(runId) === folder) runIds.add(runId);
  }
  return [...runIds];
}

async function formerRecord(folder: string): Promise<string | null> {
  try {
    return await readAgentFile(join(folder, FORMER_RECORD), LONGEST_ID);
  } catch (error) {
    if (error instanceof AppError) return null;
    throw error;
  }
}

/** The record last, so that what a crash leaves is still listed. */
export async function removeRunFolder(rootDir: string, runId: string): Promise<void> {
  const folder = folderName(runId);
  for (const name of await readdir(rootDir).catch(noneIfAbsent))
    if (name === folder || name.startsWith(`${folder}.`)) await removeTree('tools.folder.remove', join(rootDir, name));
  await effect('tools.record.remove', () => rm(join(rootDir, RECORDS, runId), { force: true }));
}

/**
 * In one step, and not at all where it stands already: an agent may start it at any moment, also while a worker that was
 * stopped in here goes on after another one has taken over, and must never find it empty or in half.
 */
export async function putBridge(socketDir: string, source: string): Promise<void> {
  const bridge = join(socketDir, BRIDGE_NAME);
  if (await holds(bridge, source)) return;
  const written = join(socketDir, `${BRIDGE_NAME}.${randomBytes(4).toString('hex')}`);
  await effect('tools.bridge.write', () => writeFile(written, source, { mode: 0o644, flag: 'wx' }));
  await effect('tools.bridge.put-in-place', () => replace(written, bridge));
}

/** Leads the known name to a socket of the folder. In one step, so that there is always a link. */
export async function putLink(socketDir: string, ownName: string): Promise<void> {
  const link = join(socketDir, `${ownName}.link`);
  await effect('tools.link.make', () => symlink(ownName, link));
  await effect('tools.link.put-in-place', () => replace(link, join(socketDir, SOCKET_NAME)));
}

/** An agent of an earlier version may have put a folder there, which no rename replaces. */
async function replace(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EISDIR') throw error;
    await removeTree('tools.spoiled.remove', to);
    await rename(from, to);
  }
}

async function holds(path: string, text: string): Promise<boolean> {
  try {
    return (await readAgentFile(path, Buffer.byteLength(text))) === text;
  } catch (error) {
    if (error instanceof AppError) return false;
    throw error;
  }
}

/** @returns the name of the socket that the known name leads to; null where there is no link */
export async function targetOf(socketDir: string): Promise<string | null> {
  return readlink(join(socketDir, SOCKET_NAME)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'EINVAL') return null;
    throw error;
  });
}

function noneIfAbsent(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
