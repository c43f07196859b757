import type { Team } from '../../api/client';

type Workspace = NonNullable<Team['workspace']>;

export interface FileDraft {
  readonly path: string;
  readonly text: string;
}

/** What the runs of a team find in their workspace. */
export interface WorkspaceDraft {
  /** As it is stored: what the form does not show is kept from it. */
  readonly stored: Workspace | null;
  readonly files: readonly FileDraft[];
  readonly hasGit: boolean;
  readonly url: string;
  readonly ref: string;
  readonly depth: string;
  /** Name of a secret; empty: none. */
  readonly secret: string;
  readonly username: string;
  /** Branch that gets what a run commits; empty: it stays where it was made. */
  readonly pushBranch: string;
  /** Whether what a run changes is kept as an artifact. */
  readonly hasDiff: boolean;
  /** Whether the next run of the schedule finds what this one leaves. */
  readonly isKept: boolean;
}

export const NEW_FILE: FileDraft = { path: '', text: '' };

export function workspaceDraftOf(stored: Workspace | null): WorkspaceDraft {
  const { url = '', ref = '', depth, secret = '', username = '', push, diff = false } = stored?.git ?? {};
  const files = Object.entries(stored?.files ?? {}).map(([path, text]) => ({ path, text }));
  return {
    ...{ stored, files, hasGit: stored?.git !== undefined, url, ref, secret, username },
    ...{ pushBranch: push?.branch ?? '', hasDiff: diff, isKept: stored?.persist ?? false },
    depth: depth?.toString() ?? '',
  };
}

/** As the API takes it; null: an empty folder. What is no number is sent as it was typed: the API says what is wrong with it. */
export function bodyOfWorkspace(draft: WorkspaceDraft): Workspace | null {
  const { files: _, git, ...rest } = draft.stored ?? {};
  const files = Object.fromEntries(writtenFiles(draft).map(({ path, text }) => [path.trim(), text]));
  const body = {
    ...rest,
    ...(Object.keys(files).length > 0 && { files }),
    persist: draft.isKept || undefined,
    ...(draft.hasGit && { git: { ...git, ...gitOf(draft) } }),
  };
  const shown = JSON.parse(JSON.stringify(body)) as Workspace;
  return Object.keys(shown).length === 0 ? null : shown;
}

/** An empty field is undefined, so that it takes away what is stored. */
function gitOf({ url, ref, depth, secret, username, pushBranch, hasDiff }: WorkspaceDraft) {
  const textOf = (text: string): string | undefined => (text.trim() === '' ? undefined : text.trim());
  const number = Number(depth);
  return {
    ...{ url: url.trim(), ref: textOf(ref), secret: textOf(secret) },
    username: secret === '' ? undefined : textOf(username),
    push: textOf(pushBranch) === undefined ? undefined : { branch: pushBranch.trim() },
    diff: hasDiff || undefined,
    depth: depth.trim() === '' ? undefined : Number.isNaN(number) ? (depth as unknown as number) : number,
  };
}

/** A row that was left empty is none. */
function writtenFiles({ files }: WorkspaceDraft): readonly FileDraft[] {
  return files.filter(({ path, text }) => path.trim() !== '' || text !== '');
}

/** Paths that stand twice: a workspace cannot have both. */
export function repeatedPaths(draft: WorkspaceDraft): ReadonlySet<string> {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const { path } of writtenFiles(draft)) (seen.has(path.trim()) ? repeated : seen).add(path.trim());
  return repeated;
}
