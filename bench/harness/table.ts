import type { Aim, Figure } from './bench';
import { percentile, show } from './statistics';

const COLUMNS = ['figure', 'ours p50/p95/p99', 'base p50/p95/p99', 'ours:base', 'aim', ''] as const;

export interface Verdict {
  readonly ratio: number;
  readonly difference: number;
  /** Null where there is no aim. */
  readonly isMet: boolean | null;
}

export function judge({ ours, base, at, aim }: Figure): Verdict {
  const [left, right] = [percentile(ours, at), percentile(base, at)];
  const ratio = left / right;
  const difference = left - right;
  return { ratio, difference, isMet: aim ? keeps(aim, aim.of === 'ratio' ? ratio : difference) : null };
}

function keeps({ relation, limit }: Aim, value: number): boolean {
  return relation === '≤' ? value <= limit : value >= limit;
}

/** The table, then for every aim that was missed where the time (or space) goes. */
export function renderTable(figures: readonly Figure[]): string {
  const rows = [COLUMNS, ...figures.map(rowOf)];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => [...(row[column] ?? '')].length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const [head = COLUMNS, ...body] = rows;
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [line(head), rule, ...body.map(line)].join('\n');
}

export function renderMissed(figures: readonly Figure[]): string {
  const missed = figures.filter((figure) => judge(figure).isMet === false);
  if (missed.length === 0) return '';
  const parts = missed.map(({ name, breakdown }) =>
    [`  ${name}`, ...breakdown.map((line) => `    ${line}`)].join('\n'),
  );
  return `Aims that were missed, and where the time goes:\n${parts.join('\n')}`;
}

function rowOf(figure: Figure): string[] {
  const { name, unit, at, aim } = figure;
  const { ratio, difference, isMet } = judge(figure);
  const compared = aim?.of === 'difference' ? `${signed(difference)} ${unit} (${at})` : `${show(ratio)}× (${at})`;
  return [
    `${name}, ${unit}`,
    spread(figure.ours),
    spread(figure.base),
    compared,
    aim ? `${aim.relation} ${aim.limit}${aim.of === 'ratio' ? '×' : ` ${unit}`}` : '–',
    isMet === null ? '' : isMet ? 'met' : 'MISSED',
  ];
}

function spread(values: readonly number[]): string {
  const [first] = values;
  if (values.length === 1 && first !== undefined) return show(first);
  return (['p50', 'p95', 'p99'] as const).map((at) => show(percentile(values, at))).join(' / ');
}

function signed(value: number): string {
  return value >= 0 ? `+${show(value)}` : show(value);
}
