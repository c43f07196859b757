import { containerLives, LABELS } from '../engine-objects';
import type { EngineEvent, Evidence } from '../evidence';
import { Findings, type CheckResult } from '../findings';

/** What an engine does to an object when somebody tells it to. */
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
 * (or is shared by the host). The decoys, which look like the product's own but lack its label, all stand, and the
 * engine's events tell of nothing that was done to them. Reading leaves no event and is not seen.
 */
export function checkOnlyWhatIsOurs(evidence: Evidence): CheckResult {
  const findings = new Findings();
  checkOurs(evidence, findings);
  checkDecoys(evidence, findings);
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

function checkDecoys({ engineEvents, engineLeft, healed }: Evidence, findings: Findings): void {
  const standing = new Set(engineLeft.map(({ id }) => id));
  for (const decoy of healed.decoys) {
    findings.count();
    const subject = `decoy ${decoy.kind} ${decoy.name}`;
    if (!standing.has(decoy.id)) findings.violate(subject, 'is gone');
    for (const event of engineEvents.filter((candidate) => isDoneTo(candidate, decoy)))
      findings.violate(subject, `the engine did "${event.action}" to it`, event.at);
  }
  if (healed.decoys.length === 0) findings.warn('no decoys were laid out: untouched things were not tested');
}

function isDoneTo(event: EngineEvent, decoy: Evidence['healed']['decoys'][number]): boolean {
  const [action = ''] = event.action.split(':');
  return event.kind === decoy.kind && TOUCHED.has(action) && (event.id === decoy.id || event.name === decoy.name);
}
