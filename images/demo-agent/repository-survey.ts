import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';

export interface SourceFile {
  readonly path: string;
  readonly language: string;
  readonly lines: readonly string[];
}

export interface LanguageShare {
  readonly language: string;
  readonly files: number;
  readonly lines: number;
}

export interface Commit {
  readonly id: string;
  readonly author: string;
  readonly date: string;
  readonly subject: string;
}

export interface OpenTodo {
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

/** The history as `git log --date=iso` prints it: a repository's own `.git` can't be part of another repository. */
export const HISTORY_FILE = 'commits.txt';

const LANGUAGES: Readonly<Record<string, string>> = {
  '.c': 'C',
  '.css': 'CSS',
  '.go': 'Go',
  '.html': 'HTML',
  '.java': 'Java',
  '.js': 'JavaScript',
  '.json': 'JSON',
  '.md': 'Markdown',
  '.py': 'Python',
  '.rs': 'Rust',
  '.sh': 'Shell',
  '.sql': 'SQL',
  '.toml': 'TOML',
  '.ts': 'TypeScript',
  '.yaml': 'YAML',
  '.yml': 'YAML',
};

/** The repository that was asked for, or the sample: beside the program, or in the source tree that it was built from. */
export function findRepository(asked: string | null): string {
  const candidates = asked
    ? [asked]
    : [join(__dirname, 'sample-repo'), join(__dirname, '..', '..', '..', 'images', 'demo-agent', 'sample-repo')];
  const found = candidates.find((candidate) => existsSync(join(candidate, HISTORY_FILE)));
  if (!found) throw new Error(`no repository with a ${HISTORY_FILE} in ${candidates.join(' or ')}`);
  return found;
}

/** All text files except the history, sorted by path; dot folders are passed over. */
export async function readSources(root: string, folder = ''): Promise<SourceFile[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const sources: SourceFile[] = [];
  for (const entry of entries) {
    const path = folder ? `${folder}/${entry.name}` : entry.name;
    if (entry.isDirectory() && !entry.name.startsWith('.')) sources.push(...(await readSources(root, path)));
    if (!entry.isFile() || path === HISTORY_FILE) continue;
    const content = await readFile(join(root, path), 'utf8');
    sources.push({ path, language: languageOf(entry.name), lines: content.replace(/\n$/, '').split('\n') });
  }
  return sources;
}

/** Most lines first. */
export function countLanguages(sources: readonly SourceFile[]): LanguageShare[] {
  const shares = new Map<string, { files: number; lines: number }>();
  for (const { language, lines } of sources) {
    const share = shares.get(language) ?? { files: 0, lines: 0 };
    shares.set(language, { files: share.files + 1, lines: share.lines + lines.length });
  }
  return [...shares].map(([language, share]) => ({ language, ...share })).sort((a, b) => b.lines - a.lines);
}

/** Newest first, as the log has them. */
export async function readCommits(root: string): Promise<Commit[]> {
  const log = await readFile(join(root, HISTORY_FILE), 'utf8');
  return log
    .split(/^commit /m)
    .slice(1)
    .map((entry) => ({
      id: entry.slice(0, 7),
      author: /^Author:\s+(.+?)\s+</m.exec(entry)?.[1] ?? 'unknown',
      date: /^Date:\s+(\S+)/m.exec(entry)?.[1] ?? 'unknown',
      subject: /^ {4}(\S.*)$/m.exec(entry)?.[1] ?? '',
    }));
}

export function findTodos(sources: readonly SourceFile[]): OpenTodo[] {
  return sources.flatMap(({ path, lines }) =>
    lines.flatMap((text, index) => {
      const todo = /\b(?:TODO|FIXME)\b(?:\(\w+\))?:\s*(.+?)\s*(?:\*\/|-->)?$/.exec(text);
      return todo?.[1] ? [{ path, line: index + 1, text: todo[1] }] : [];
    }),
  );
}

function languageOf(fileName: string): string {
  return fileName === 'Makefile' ? 'Make' : (LANGUAGES[extname(fileName)] ?? 'other');
}
