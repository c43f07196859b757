import type { FaultProxy } from '../../kit/proxy';
import type { FaultKind, PlannedFault } from '../plan';
import type { FaultTargets, Pause } from './fault-targets';

const SMALL: readonly FaultKind[] = ['cut-one', 'lose-reply', 'hiccup'];
/** A lost reply waits so long for a request that it can happen to, ms. */
const LOSE_WITHIN_MS = 3_000;
/** Requests to the engine that have an effect. */
const EFFECT = /^(POST|DELETE|PUT) /;

/** Faults of one process's connections to one service. */
export async function injectLinkFault(
  targets: FaultTargets,
  fault: PlannedFault,
  pause: Pause,
): Promise<string | null> {
  if (SMALL.includes(fault.kind) && isSpared(targets, fault)) return null;
  const link = linkOf(targets, fault);
  switch (fault.kind) {
    case 'cut-one':
      return cutOne(targets, fault, link);
    case 'lose-reply':
      return loseReply(targets, fault, link, pause);
    case 'hiccup':
      return targets.locks.hold(link.name, () => disturbForAWhile(targets, fault, link, pause));
    default:
      return targets.locks.holdInTurn(link.name, () => disturbForAWhile(targets, fault, link, pause));
  }
}

/**
 * Small faults come several times a second. A process that starts tries everything once, so that it would never come up
 * on a slow machine: it is met by one of ten.
 */
function isSpared(targets: FaultTargets, { target, chance }: PlannedFault): boolean {
  return !targets.processes.named(target).isReady && (chance * 1_000) % 1 > 0.1;
}

function linkOf(targets: FaultTargets, fault: PlannedFault): FaultProxy {
  const link = fault.service === null ? null : targets.links.get(fault.target)?.[fault.service];
  if (link === null || link === undefined) throw new Error('there is no such link');
  return link;
}

function cutOne(targets: FaultTargets, fault: PlannedFault, link: FaultProxy): null {
  // Where no connection is open nothing happened, and nothing is counted.
  if (link.cutOne(fault.chance)) note(targets, fault, link, 'one connection broken')();
  return null;
}

async function loseReply(targets: FaultTargets, fault: PlannedFault, link: FaultProxy, pause: Pause): Promise<null> {
  const onLost = (): void => note(targets, fault, link, 'done, and the answer dropped with the connection')();
  const takeBack = link.loseNextReply(fault.service === 'docker' ? EFFECT : null, onLost);
  await pause(LOSE_WITHIN_MS);
  takeBack();
  return null;
}

async function disturbForAWhile(
  targets: FaultTargets,
  fault: PlannedFault,
  link: FaultProxy,
  pause: Pause,
): Promise<void> {
  const end = note(targets, fault, link, apply(fault, link));
  await pause(fault.durationMs);
  link.heal();
  end();
}

/** @returns what it does, for the log. */
function apply({ kind, chance, durationMs }: PlannedFault, link: FaultProxy): string {
  if (kind === 'cut') {
    link.refuse();
    return `no connection for ${durationMs} ms`;
  }
  if (kind === 'slow' || (kind === 'hiccup' && chance < 0.6)) {
    const delayMs = Math.round(kind === 'slow' ? 50 + chance * 450 : 20 + chance * 300);
    link.slow(delayMs);
    return `every chunk ${delayMs} ms later for ${durationMs} ms`;
  }
  const direction = (['up', 'down', 'both'] as const)[Math.floor(chance * 30) % 3] ?? 'both';
  link.swallow(direction);
  return `nothing arrives ${direction === 'both' ? 'in both directions' : direction} for ${durationMs} ms`;
}

function note(targets: FaultTargets, fault: PlannedFault, link: FaultProxy, detail: string): () => void {
  return targets.faultLog.begin({ kind: fault.kind, target: link.name, detail });
}
