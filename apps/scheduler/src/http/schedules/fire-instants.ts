import type { FireInstants } from '@crewtab/domain/ports/management-store';
import { parseCron, type Cron } from '@crewtab/domain/schedules/cron';
import { nextFire } from '@crewtab/domain/schedules/next-fire';
import { AppError } from '@crewtab/domain/errors';

/** The part of a schedule that decides when it fires. */
export interface FireSpec {
  readonly cron: string;
  readonly timezone: string;
  readonly enabled: boolean;
}

const NEVER: FireInstants = { nextFireAt: null, followingFireAt: null };

/** The next two due instants after `now`; none while disabled. Throws for a cron that was not checked before: a bug. */
export function planInstants(spec: FireSpec, now: Date): FireInstants {
  if (!spec.enabled) return NEVER;
  const cron = parsedCron(spec.cron);
  const nextFireAt = nextFire(cron, spec.timezone, now);
  return { nextFireAt, followingFireAt: nextFire(cron, spec.timezone, nextFireAt) };
}

export function isSameSpec(one: FireSpec, other: FireSpec): boolean {
  return one.cron === other.cron && one.timezone === other.timezone && one.enabled === other.enabled;
}

export function parsedCron(expression: string): Cron {
  const parsed = parseCron(expression);
  if (!parsed.ok) throw new AppError('internal', `a stored cron expression is not valid: ${parsed.message}`);
  return parsed.cron;
}
