import { percentile, type Result } from './figure';

const COLUMNS = ['figure', 'n', 'p50', 'p95', 'p99', 'max', 'aim', ''] as const;

/** Seconds, as a table that can be pasted into Markdown. */
export function renderTable(results: readonly Result[]): string {
  const rows = [COLUMNS, COLUMNS.map(() => '---'), ...results.map(rowOf)];
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function rowOf({ what, seconds, counted = '', aim, isMet }: Result): string[] {
  const verdict = aim === '–' ? '' : isMet ? 'met' : 'MISSED';
  if (seconds === null) return [what, '', counted, '', '', '', aim, verdict];
  if (seconds.length === 0) return [what, '0', '', '', '', '', aim, verdict];
  const at = (rank: number): string => `${percentile(seconds, rank).toFixed(2)} s`;
  return [what, String(seconds.length), at(0.5), at(0.95), at(0.99), at(1), aim, verdict];
}
