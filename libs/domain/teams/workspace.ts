import { workspacePath } from '../runs/workspace-path';
import { parseHostPattern } from './network';

/** What a run of the team finds in its workspace; nothing: an empty folder. */
export interface TeamWorkspace {
  /** Texts by their path in the workspace; over those of the repository. */
  readonly files?: Readonly<Record<string, string>>;
  readonly git?: GitSource;
  /** True: it stays on its host between the runs of a schedule; absent: each run has a fresh one. */
  readonly persist?: boolean;
}

/** A repository that is fetched into the workspace. */
export interface GitSource {
  /** As `findUrlFault` takes it. */
  readonly url: string;
  /** A branch, a tag, or the whole id of a commit; absent: what the repository's HEAD names. */
  readonly ref?: string;
  /** So many commits of it; absent: all. */
  readonly depth?: number;
  /** Name of the secret that is the password or token for the URL. */
  readonly secret?: string;
  /** Goes with the secret; absent: DEFAULT_GIT_USER. */
  readonly username?: string;
  /** Where the work of a run goes once it has ended well and what is asked of it holds; absent: nowhere. */
  readonly push?: PushTarget;
  /** True: what the run has changed is kept as the artifact DIFF_FILE. */
  readonly diff?: boolean;
}

/** In the workspace, from the end of a run's work on. */
export const DIFF_FILE = 'diff.patch';

export interface PushTarget {
  /** As `findRefFault` takes it. It is made where it is not there, and moved forward otherwise: never forced. */
  readonly branch: string;
}

/** Servers that know tokens take any name with one. */
export const DEFAULT_GIT_USER = 'x-access-token';

/** Why a text is no address of a repository; null where it is one. */
export function findUrlFault(text: string): string | null {
  if (!URL.canParse(text) || /[\s\\]/.test(text)) return 'is no URL';
  const { protocol, username, password, search, hash } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return 'must begin with https:// or http://';
  if (username !== '' || password !== '') return 'must be without a user and a password: name a secret';
  if (search !== '' || hash !== '') return 'must be without a query and a fragment';
  const pattern = parseHostPattern(hostOf(text));
  return pattern.ok ? null : pattern.message;
}

/** Host and port of a repository, as a pattern of a network has them. */
export function hostOf(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  return `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`;
}

/** As git takes names of branches and tags, and without what its patterns and options begin with. */
const REF = /^(?![-./])(?!.*(?:\.\.|\/\/|\/\.|@\{|\.lock(?:\/|$)))[^\p{Cc}\s~^:?*[\\]+$/u;

/** Why a text is no branch, tag or commit; null where it may be one. */
export function findRefFault(ref: string): string | null {
  const isName = REF.test(ref) && !/[./]$/.test(ref) && ref !== '@';
  return isName ? null : 'is no name of a branch or tag, and no id of a commit';
}

/** Of the files of a workspace. */
export const MOST_WORKSPACE_FILES = 100;
/** Of their texts together, in UTF-8. */
export const MOST_WORKSPACE_BYTES = 256 * 1024;

/** What is wrong with one of the files, or with all of them (an empty path). */
export interface WorkspaceFault {
  readonly path: readonly string[];
  readonly message: string;
}

/** Faults of the files' paths and of what they come to. @param files texts by path; other values are another's to refuse */
export function findFileFaults(files: Readonly<Record<string, unknown>>): WorkspaceFault[] {
  const paths = Object.keys(files);
  const faults = paths.flatMap((path): WorkspaceFault[] => {
    const message = findPathFault(path, paths);
    return message === null ? [] : [{ path: [path], message }];
  });
  if (paths.length > MOST_WORKSPACE_FILES)
    faults.push({ path: [], message: `must have at most ${MOST_WORKSPACE_FILES} files` });
  const bytes = Object.values(files).reduce<number>((sum, text) => sum + bytesOf(text), 0);
  if (bytes > MOST_WORKSPACE_BYTES)
    faults.push({ path: [], message: `must come to at most ${MOST_WORKSPACE_BYTES / 1024} KiB together` });
  return faults;
}

function findPathFault(path: string, paths: readonly string[]): string | null {
  if (!isPlainPath(path)) return 'is no path of a file in the workspace: relative, in plain form, without ".."';
  if (isOfGit(path)) return 'lies in a folder .git, which belongs to git';
  if (paths.some((other) => other.startsWith(`${path}/`))) return 'is a file and the folder of another one';
  return null;
}

function isPlainPath(path: string): boolean {
  try {
    return path !== '' && workspacePath(path) === path;
  } catch {
    return false;
  }
}

/** As file systems that know no capitals have it, too. */
function isOfGit(path: string): boolean {
  return path.split('/').some((part) => part.toLowerCase() === '.git');
}

/** Without an encoder, which the domain does not have. */
function bytesOf(text: unknown): number {
  if (typeof text !== 'string') return 0;
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}
