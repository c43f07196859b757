import type { Artifact } from '../../api/client';

export type Preview = 'markdown' | 'image' | 'csv' | 'json' | 'diff' | 'text';

const KINDS: Readonly<Record<string, Preview>> = {
  'text/markdown': 'markdown',
  'text/csv': 'csv',
  'text/tab-separated-values': 'csv',
  'application/json': 'json',
  'text/x-diff': 'diff',
  'text/plain': 'text',
  'application/x-ndjson': 'text',
  'application/yaml': 'text',
};

/** How a file can be looked at; null: it is only to be had. What a browser could run is never shown. */
export function previewOf({ contentType, isDownload }: Pick<Artifact, 'contentType' | 'isDownload'>): Preview | null {
  if (isDownload) return null;
  if (contentType.startsWith('image/')) return 'image';
  return KINDS[contentType.split(';')[0] ?? ''] ?? null;
}

/** The first rows of a table with a separator, quotes as RFC 4180 has them. */
export function readCsv(text: string, separator: string, most: number): string[][] {
  const rows: string[][] = [];
  let cells: string[] = [];
  let cell = '';
  let isQuoted = false;
  const endRow = (): void => {
    rows.push([...cells, cell]);
    [cells, cell] = [[], ''];
  };
  for (let at = 0; at < text.length && rows.length < most; at++) {
    const mark = text[at] ?? '';
    if (isQuoted && mark === '"' && text[at + 1] === '"') cell += text[at++];
    else if (mark === '"' && (isQuoted || cell === '')) isQuoted = !isQuoted;
    else if (isQuoted) cell += mark;
    else if (mark === separator) [cells, cell] = [[...cells, cell], ''];
    else if (mark === '\n') endRow();
    else if (mark !== '\r') cell += mark;
  }
  if (rows.length < most && (cell !== '' || cells.length > 0)) endRow();
  return rows;
}
