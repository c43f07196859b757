import type { RunRow } from './evidence';

export const TERMINAL: ReadonlySet<string> = new Set([
  'success',
  'failed',
  'timeout',
  'cancelled',
  'skipped',
  'missed',
]);

/** Made for an instant of its schedule, as opposed to one that a request asked for. */
export function isFired({ trigger }: RunRow): boolean {
  return trigger === 'schedule' || trigger === 'catchup';
}

export function isTerminal({ status }: Pick<RunRow, 'status'>): boolean {
  return TERMINAL.has(status);
}

export function leaderOf({ agents }: RunRow): string | null {
  return agents.find(({ role }) => role === 'leader')?.name ?? null;
}
