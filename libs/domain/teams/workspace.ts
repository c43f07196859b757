import { workspacePath } from '../runs/workspace-path';

/** What a run of the team finds in its workspace; nothing: an empty folder. */
export interface TeamWorkspace {
  /** Texts by their path in the workspace. */
  readonly files?: Readonly<Record<string, string>>;
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
