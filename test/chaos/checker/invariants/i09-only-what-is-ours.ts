import { containerLives, LABELS } from '../engine-objects';
import type { EngineEvent, Evidence } from '../evidence';
import { Findings, type CheckResult } from '../findings';

/** What an engine does to an object when a client tells it to. */
const TOUCHED: ReadonlySet<string> = new Set([
  'destroy',
  'kill',
  'die',
  'stop',
  'rename',
  'pause',
  'disconnect',
  'remove',
  'delete',
]);

/**
 * I9 from both sides. Whatever was ever created with the installation's label, or stands with it, names a run that exists
 * (or is shared by the host). The foreign resources, which look like the product's own but lack its label, all stand, and the
 * engine's events tell of nothing that was done to them. Reading leaves no event and is not seen.
 */
export function checkOnlyWhatIsOurs(evidence: Evidence): CheckResult {
  const findings = new Findings();
  checkOurs(evidence, findings);
  checkForeign(evidence, findings);
  return findings.result();
}

function checkOurs({ engineEvents, engineLeft, healed, tables }: Evidence, findings: Findings): void {
  const runs = new Set(tables.runs.map(({ id }) => id));
  for (const life of containerLives(engineEvents, healed.installationId)) {
    findings.count();
    if (!runs.has(life.runId))
      findings.violate(`container ${life.name}`, `was made for run ${life.runId}, which is not there`, life.createdAt);
  }
  for (const { kind, name, labels } of engineLeft) {
    if (labels[LABELS.installation] !== healed.installationId || LABELS.shared in labels) continue;
    findings.count();
    if (!runs.has(labels[LABELS.run] ?? ''))
      findings.violate(`${kind} ${name}`, `carries the installation's label and no run that is there`);
  }
}

function checkForeign({ engineEvents, engineLeft, healed }: Evidence, findings: Findings): void {
  const standing = new Set(engineLeft.map(({ id }) => id));
  for (const foreign of healed.foreignResources) {
    findings.count();
    const subject = `foreign ${foreign.kind} ${foreign.name}`;
    if (!standing.has(foreign.id)) findings.violate(subject, 'is gone');
    for (const event of engineEvents.filter((candidate) => isDoneTo(candidate, foreign)))
      findings.violate(subject, `the engine did "${event.action}" to it`, event.at);
  }
  if (healed.foreignResources.length === 0)
    findings.warn('no foreign resources were made: whether they are left alone was not tested');
}

function isDoneTo(event: EngineEvent, foreign: Evidence['healed']['foreignResources'][number]): boolean {
  const [action = ''] = event.action.split(':');
  return event.kind === foreign.kind && TOUCHED.has(action) && (event.id === foreign.id || event.name === foreign.name);
}
