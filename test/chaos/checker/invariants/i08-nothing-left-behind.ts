import { containerLives, LABELS } from '../engine-objects';
import type { Evidence } from '../evidence';
import { Findings, iso, type CheckResult } from '../findings';
import { isTerminal } from '../runs';
import { isDisturbed, undisturbedMs } from '../undisturbed-time';

/** What a terminal run may leave on a host that can be reached, and for how long, ms. */
const ALLOWED_MS = 30_000;

/**
 * I8 from the engine's own events (each container's create and destroy against its run's finishedAt, or against its own
 * creation where it was made later) and from what stands after convergence. Time in which a fault was on or had just ended
 * counts as unreachable, and a container that stood longer only by it is in a warning and not judged. Networks and volumes
 * carry no labels in events, so they are only judged by what is left; processes and temp files inside a container go with
 * it. Events that a dying engine did not write are in a warning.
 */
export function checkNothingLeftBehind(evidence: Evidence): CheckResult {
  const findings = new Findings();
  checkLives(evidence, findings);
  checkLeft(evidence, findings);
  return findings.result();
}

function checkLives({ engineEvents, engineLeft, healed, tables, faults }: Evidence, findings: Findings): void {
  const runs = new Map(tables.runs.map((run) => [run.id, run]));
  const standing = new Set(engineLeft.map(({ id }) => id));
  let unseen = 0;
  let unjudged = 0;
  for (const life of containerLives(engineEvents, healed.installationId)) {
    const run = runs.get(life.runId);
    if (!run || run.finishedAt === null) continue;
    if (life.destroyedAt === null && !standing.has(life.id)) {
      unseen++;
      continue;
    }
    const since = Math.max(run.finishedAt, life.createdAt);
    const until = life.destroyedAt ?? healed.convergedAt ?? healed.healedAt;
    const orphanMs = undisturbedMs(faults, since, until);
    if (orphanMs <= ALLOWED_MS && until - since > ALLOWED_MS && isDisturbed(faults, since, until)) {
      unjudged++;
      continue;
    }
    findings.count();
    if (orphanMs > ALLOWED_MS)
      findings.violate(
        `run ${run.id}`,
        `container ${life.name} outlived the end of the run (${iso(since)}) by ${Math.round(orphanMs)} ms of undisturbed time`,
        until,
      );
  }
  findings.warnOf(unjudged, 'containers outlived their run by more than 30 s in time with faults: not judged');
  findings.warnOf(unseen, 'containers are gone without an event that says when');
}

function checkLeft({ engineLeft, healed, tables }: Evidence, findings: Findings): void {
  const ended = new Map(tables.runs.filter(isTerminal).map((run) => [run.id, run]));
  const names = new Map(tables.deployments.map(({ runId, name }) => [name, runId]));
  const end = healed.convergedAt ?? healed.healedAt;
  for (const { kind, name, labels } of engineLeft) {
    findings.count();
    if (labels[LABELS.installation] !== healed.installationId) continue;
    const run = ended.get(labels[LABELS.run] ?? names.get(name) ?? '');
    // One that ended only just now may still be at it.
    if (run && end - (run.finishedAt ?? end) > ALLOWED_MS)
      findings.violate(`run ${run.id}`, `is ${run.status}, and its ${kind} ${name} still stands`, run.finishedAt);
  }
}
