import type { Evidence, RunEventRow, RunState } from '../evidence';
import { Findings, type CheckResult } from '../findings';
import { groupBy } from '../group-by';

/**
 * I16: the trail that the harness kept of every run's row says which moves and adoptions there were; the log of events must
 * tell the same ones, in the same order, each beginning where the one before ended. Positions, where given, grow with them.
 * Requests to cancel and failed removals leave no trail: the store's contract suite sees those.
 */
export function checkEveryChangeHasItsEvent({ tables }: Evidence): CheckResult {
  const findings = new Findings();
  const { runTrail, runEvents } = tables;
  if (!runTrail || !runEvents) return findings.result();
  const trails = groupBy(runTrail, ({ runId }) => runId);
  const events = groupBy(runEvents, ({ runId }) => runId);
  for (const runId of new Set([...trails.keys(), ...events.keys()])) {
    findings.count();
    checkRun(runId, trails.get(runId) ?? [], events.get(runId) ?? [], findings);
  }
  return findings.result();
}

function checkRun(runId: string, trail: readonly RunState[], events: readonly RunEventRow[], findings: Findings): void {
  const compare = (what: string, happened: readonly string[], told: readonly string[]): void => {
    const first = happened.findIndex((one, index) => one !== told[index]);
    if (first === -1 && happened.length === told.length) return;
    const index = first === -1 ? happened.length : first;
    const facts = `${what} ${index + 1}: ${happened[index] ?? 'nothing'} happened, ${told[index] ?? 'nothing'} is told`;
    findings.violate(`run ${runId}`, facts, trail[0]?.at ?? null);
  };
  const moves = events.filter(({ type }) => type === 'run.status' || type === 'run.phase');
  compare(
    'move',
    movesOf(trail),
    moves.map(({ from, to }) => `${from ?? 'nothing'} -> ${to ?? 'nothing'}`),
  );
  const adoptions = events.filter(({ type }) => type === 'run.adopted');
  compare(
    'adoption',
    adoptionsOf(trail),
    adoptions.map(({ adoption }) => adoption ?? 'nothing'),
  );
  const positions = events.flatMap(({ position }) => position ?? []);
  if (positions.some((position, index) => index > 0 && position <= (positions[index - 1] ?? 0)))
    findings.violate(`run ${runId}`, `its events have the positions ${positions.join(', ')}`, trail[0]?.at ?? null);
}

function movesOf(trail: readonly RunState[]): string[] {
  const moves: string[] = [];
  let before = 'nothing';
  for (const { status, phase } of trail) {
    const now = `${status} (${phase})`;
    if (now !== before) moves.push(`${before} -> ${now}`);
    before = now;
  }
  return moves;
}

/** A claim of a run that had begun; an epoch that grows without an owner is the database's own doing, and a move. */
function adoptionsOf(trail: readonly RunState[]): string[] {
  return trail.flatMap(({ epoch, owner }, index) => {
    const before = trail[index - 1];
    const isAdoption = before && before.phase !== 'queued' && epoch > before.epoch && owner !== null;
    return isAdoption ? `${before.owner ?? 'none'} -> ${owner} (epoch ${epoch})` : [];
  });
}
