import type { FaultProxy } from '../../kit/proxy';
import type { FaultKind, PlannedFault } from '../plan';
import type { Battlefield, Pause } from './battlefield';

const SMALL: readonly FaultKind[] = ['cut-one', 'lose-reply', 'hiccup'];
/** A lost reply waits so long for a request that it can happen to, ms. */
const LOSE_WITHIN_MS = 3_000;
/** Requests to the engine that have an effect. */
const EFFECT = /^(POST|DELETE|PUT) /;

/** Faults of one process's connections to one service. */
export async function harmLink(field: Battlefield, fault: PlannedFault, pause: Pause): Promise<string | null> {
  if (SMALL.includes(fault.kind) && isSpared(field, fault)) return null;
  const link = linkOf(field, fault);
  switch (fault.kind) {
    case 'cut-one':
      return cutOne(field, fault, link);
    case 'lose-reply':
      return loseReply(field, fault, link, pause);
    case 'hiccup':
      return field.resources.hold(link.name, () => harmForAWhile(field, fault, link, pause));
    default:
      return field.resources.holdInTurn(link.name, () => harmForAWhile(field, fault, link, pause));
  }
}

/**
 * Small faults come several times a second. A process that starts tries everything once, so that it would never come up
 * on a slow machine: it is met by one of ten.
 */
function isSpared(field: Battlefield, { target, chance }: PlannedFault): boolean {
  return !field.processes.named(target).isReady && (chance * 1_000) % 1 > 0.1;
}

function linkOf(field: Battlefield, fault: PlannedFault): FaultProxy {
  const link = fault.service === null ? null : field.links.get(fault.target)?.[fault.service];
  if (link === null || link === undefined) throw new Error('there is no such link');
  return link;
}

function cutOne(field: Battlefield, fault: PlannedFault, link: FaultProxy): null {
  // Where no connection is open nothing was harmed, and nothing is counted.
  if (link.cutOne(fault.chance)) note(field, fault, link, 'one connection broken')();
  return null;
}

async function loseReply(field: Battlefield, fault: PlannedFault, link: FaultProxy, pause: Pause): Promise<null> {
  const onLost = (): void => note(field, fault, link, 'done, and the answer dropped with the connection')();
  const takeBack = link.loseNextReply(fault.service === 'docker' ? EFFECT : null, onLost);
  await pause(LOSE_WITHIN_MS);
  takeBack();
  return null;
}

async function harmForAWhile(field: Battlefield, fault: PlannedFault, link: FaultProxy, pause: Pause): Promise<void> {
  const end = note(field, fault, link, apply(fault, link));
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

function note(field: Battlefield, fault: PlannedFault, link: FaultProxy, detail: string): () => void {
  return field.faultLog.begin({ kind: fault.kind, target: link.name, detail });
}
