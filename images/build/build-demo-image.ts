import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import type { Pack } from 'tar-stream';
import { compileAgent, sampleRepoDir } from './compile-agent';
import type { TakenFile } from './machine-programs';
import { collectPrograms } from './machine-programs';

/** The demo image's repository; its tag is a digest of the content. */
export const DEMO_IMAGE_NAME = 'crewtab/demo-agent';
/** Inside the image. */
export const DEMO_AGENT_COMMAND = ['node', '/opt/crewtab-demo/demo-agent.js'] as const;
export const TEAM_BRIDGE_PATH = '/opt/crewtab/team-bridge.js';
/** The ordinary user of the image, who owns /workspace. */
export const AGENT_UID = 1000;

/** A root file system, ready for `docker import`. */
export interface DemoImage {
  /** `crewtab/demo-agent:<12 hex digits>`: the same content has the same tag, on every machine. */
  readonly reference: string;
  /** sha-256 of the whole content, in hex. */
  readonly digest: string;
  /** Instructions for the import (`docker import --change`), since a tar has no command or user. */
  readonly changes: readonly string[];
  /** The tar, about 100 MB. Made while it is read, once per call; breaks with an error if a file has vanished. */
  openTar(): Readable;
}

type Entry =
  | { readonly kind: 'folder'; readonly path: string; readonly mode: number; readonly uid: number }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'text'; readonly path: string; readonly text: string }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly source: string;
      readonly mode: number;
      readonly size: number;
    };

/**
 * Makes a minimal image out of this machine's own Node, shell and a few tools, for hosts that reach no registry. Reads
 * everything once for the digest, so that a caller can see by the reference whether the engine has it already.
 * @throws Error where the machine's programs can't run in a container: only Linux will do.
 */
export async function buildRootfsTar(): Promise<DemoImage> {
  if (process.platform !== 'linux')
    throw new Error(
      'an image can be made from this machine only under Linux; build images/demo-agent/Dockerfile instead',
    );
  const { files, libraryFolders } = await collectPrograms();
  const entries = [...baseEntries(), ...(await fileEntries([...files, ...(await demoFiles())]))];
  const changes = importChanges(libraryFolders);
  const digest = await digestOf(entries, changes);
  return {
    reference: `${DEMO_IMAGE_NAME}:${digest.slice(0, 12)}`,
    digest,
    changes,
    openTar: () => writeTar(entries),
  };
}

function importChanges(libraryFolders: readonly string[]): string[] {
  const searched = libraryFolders.length > 0 ? [`ENV LD_LIBRARY_PATH=${libraryFolders.join(':')}`] : [];
  return [
    'ENV PATH=/usr/bin:/bin',
    'ENV HOME=/home/agent',
    ...searched,
    `USER ${AGENT_UID}:${AGENT_UID}`,
    'WORKDIR /workspace',
    `CMD ${JSON.stringify(DEMO_AGENT_COMMAND)}`,
  ];
}

function baseEntries(): Entry[] {
  const folder = (path: string, mode = 0o755, uid = 0): Entry => ({ kind: 'folder', path, mode, uid });
  return [
    ...[
      '/dev',
      '/etc',
      '/home',
      '/opt',
      '/proc',
      '/root',
      '/run',
      '/run/crewtab',
      '/sys',
      '/usr',
      '/usr/bin',
      '/var',
    ].map((path) => folder(path)),
    folder('/tmp', 0o1777),
    folder('/home/agent', 0o755, AGENT_UID),
    folder('/workspace', 0o755, AGENT_UID),
    { kind: 'link', path: '/bin', target: 'usr/bin' },
    {
      kind: 'text',
      path: '/etc/passwd',
      text: `root:x:0:0:root:/root:/bin/sh\nagent:x:${AGENT_UID}:${AGENT_UID}:agent:/home/agent:/bin/sh\n`,
    },
    { kind: 'text', path: '/etc/group', text: `root:x:0:\nagent:x:${AGENT_UID}:\n` },
  ];
}

/** The agent, its sample repository and the team bridge. */
async function demoFiles(): Promise<TakenFile[]> {
  const { demoAgent, teamBridge } = await compileAgent();
  return [
    { path: DEMO_AGENT_COMMAND[1], source: demoAgent },
    ...(await filesBelow(sampleRepoDir(), '/opt/crewtab-demo/sample-repo')),
    { path: TEAM_BRIDGE_PATH, source: teamBridge },
  ];
}

async function filesBelow(folder: string, path: string): Promise<TakenFile[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const nested = entries.map((entry) => {
    const taken = { path: `${path}/${entry.name}`, source: join(folder, entry.name) };
    return entry.isDirectory() ? filesBelow(taken.source, taken.path) : Promise.resolve([taken]);
  });
  return (await Promise.all(nested)).flat();
}

/** Programs and libraries may be executed, and everything may be read by every user. */
async function fileEntries(files: readonly TakenFile[]): Promise<Entry[]> {
  return Promise.all(
    files.map(async ({ path, source }): Promise<Entry> => {
      const { size } = await stat(source);
      return { kind: 'file', path, source, size, mode: path.startsWith('/opt/') ? 0o644 : 0o755 };
    }),
  );
}

async function digestOf(entries: readonly Entry[], changes: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  hash.update(JSON.stringify(changes));
  for (const entry of entries) {
    hash.update(JSON.stringify(entry.kind === 'file' ? { ...entry, source: null } : entry));
    if (entry.kind !== 'file') continue;
    for await (const chunk of createReadStream(entry.source, { highWaterMark: 1024 * 1024 }))
      hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}

function writeTar(entries: readonly Entry[]): Readable {
  const tar = pack();
  const write = async (): Promise<void> => {
    for (const entry of entries) await writeEntry(tar, entry);
    tar.finalize();
  };
  write().catch((error: unknown) => tar.destroy(error instanceof Error ? error : new Error(String(error))));
  return tar as unknown as Readable;
}

/** Times are left at 0, so that equal content makes equal tars. */
async function writeEntry(tar: Pack, entry: Entry): Promise<void> {
  const header = { name: entry.path.slice(1), mtime: new Date(0), uid: 0, gid: 0 };
  switch (entry.kind) {
    case 'folder':
      return void tar.entry({ ...header, type: 'directory', mode: entry.mode, uid: entry.uid, gid: entry.uid });
    case 'link':
      return void tar.entry({ ...header, type: 'symlink', linkname: entry.target });
    case 'text':
      return void tar.entry({ ...header, mode: 0o644 }, entry.text);
    case 'file':
      return pipeline(createReadStream(entry.source), tar.entry({ ...header, mode: entry.mode, size: entry.size }));
  }
}
