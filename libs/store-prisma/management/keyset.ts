import { isWithinCalendar } from '@crewtab/domain/calendar-bounds';
import { AppError } from '@crewtab/domain/errors';
import type { Page } from '@crewtab/domain/ports/management-store';
import { isId } from '../database/database';

/** Where a page ended: the last row's sort keys. Opaque to clients. */
export interface Position {
  readonly id: string;
  /** Of lists that are sorted by an instant before the id. */
  readonly at: Date | null;
}

export function encodeCursor({ id, at }: Position): string {
  return Buffer.from(at ? `${at.getTime()}~${id}` : id).toString('base64url');
}

/** Throws `invalid_request` for what was not made by `encodeCursor` for such a list. */
export function decodeCursor(cursor: string | null, sortedBy: 'id' | 'instant'): Position | null {
  if (cursor === null) return null;
  const parts = Buffer.from(cursor, 'base64url').toString('utf8').split('~');
  const [id = '', millis = null] = parts.reverse();
  const at = millis === null ? null : toInstant(millis);
  const hasRightShape = sortedBy === 'instant' ? at !== null && isWithinCalendar(at) : at === null;
  if (!isId(id) || !hasRightShape || parts.length > 2)
    throw new AppError('invalid_request', 'cursor: not a cursor of this list');
  return { id, at };
}

/** Where a page ended that is sorted by a number. */
export interface Rank {
  readonly id: string;
  readonly value: number;
}

/** @param column what the list is sorted by */
export function encodeRank(column: string, { id, value }: Rank): string {
  return Buffer.from(`${column}~${value}~${id}`).toString('base64url');
}

/** Throws `invalid_request` for what was not made by `encodeRank` for a list that is sorted by this column. */
export function decodeRank(cursor: string | null, column: string): Rank | null {
  if (cursor === null) return null;
  const [name, text = '', id = '', ...rest] = Buffer.from(cursor, 'base64url').toString('utf8').split('~');
  const value = /^-?\d[\d.e+-]{0,30}$/.test(text) ? Number(text) : Number.NaN;
  if (name !== column || !Number.isFinite(value) || !isId(id) || rest.length > 0 || !isOf(column, value))
    throw new AppError('invalid_request', 'cursor: not a cursor of this list');
  return { id, value };
}

/** Of the columns only costs have fractions. */
function isOf(column: string, value: number): boolean {
  return column === 'cost' || Number.isSafeInteger(value);
}

/** An invalid date for everything but a whole number. */
function toInstant(millis: string): Date {
  return new Date(/^-?\d{1,16}$/.test(millis) ? Number(millis) : Number.NaN);
}

/** Cuts rows that were asked for with one more than `limit`, which tells whether there is another page. */
export function toPage<Row, T>(
  rows: readonly Row[],
  limit: number,
  positionOf: (row: Row) => Position,
  toItem: (row: Row) => T,
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(toItem),
    nextCursor: rows.length > limit && last !== undefined ? encodeCursor(positionOf(last)) : null,
  };
}
