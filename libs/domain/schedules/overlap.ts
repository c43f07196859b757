import { assertNever } from '../errors';
import type { OverlapPolicy } from './schedule';

/**
 * What happens to a due instant while earlier runs of the same schedule are queued or running:
 * - `run`: queue its run now.
 * - `skip`: record it as `skipped`; it never runs.
 * - `wait`: its run stays queued until no earlier run of the schedule is active, then it begins. None is lost.
 * - `replace`: ask the active runs to end (they are cancelled with teardown) and queue its run.
 */
export type OverlapDecision = 'run' | 'skip' | 'wait' | 'replace';

/**
 * Pure. `activeRuns` counts the schedule's runs that are queued or running, those of earlier instants of the same
 * plan included: of two instants that are due at once, the second one overlaps the first.
 */
export function decideOverlap(policy: OverlapPolicy, activeRuns: number): OverlapDecision {
  if (activeRuns <= 0) return 'run';
  switch (policy) {
    case 'allow':
      return 'run';
    case 'skip':
      return 'skip';
    case 'queue':
      return 'wait';
    case 'replace':
      return 'replace';
    default:
      return assertNever(policy);
  }
}
