import type { DeploymentSpec } from '@crewtab/domain/ports/runtime';
import { deploymentSuffix } from '@crewtab/domain/runs/run';

/** Everything that Crewtab makes for a run bears these; what lacks them is never touched, except a half-made volume. */
export const LABELS = {
  installation: 'crewtab.installation',
  run: 'crewtab.run',
  agent: 'crewtab.agent',
  /** On the container of a program that is run once. */
  program: 'crewtab.program',
  epoch: 'crewtab.epoch',
  /** ISO 8601: past this plus the grace, a container is an orphan. */
  deadline: 'crewtab.deadline',
  /** On what belongs to the host rather than to a run (the egress network): never reaped. */
  shared: 'crewtab.shared',
} as const;

export type Labels = Readonly<Record<string, string>>;

export function runLabels(deployment: DeploymentSpec): Record<string, string> {
  return {
    [LABELS.installation]: deployment.installationId,
    [LABELS.run]: deployment.runId,
    [LABELS.epoch]: String(deployment.epoch),
    [LABELS.deadline]: deployment.deadlineAt.toISOString(),
  };
}

export function belongsToRun(labels: Labels | null | undefined, installationId: string, runId: string): boolean {
  return labels?.[LABELS.installation] === installationId && labels[LABELS.run] === runId;
}

/** Follows the deployment's name in the name of the volume that the agents of a run share. */
export const WORKSPACE_SUFFIX = '-workspace';

/** How the name of a run's volume may end. */
export function workspaceNameEnds(runId: string): string[] {
  return ([6, 12] as const).map((digits) => `${deploymentSuffix(runId, digits)}${WORKSPACE_SUFFIX}`);
}

/**
 * An engine that is killed while it makes a volume keeps the folder, and with it the name, but not the labels; making it
 * again changes nothing. Such a volume is told by its name and by having no label at all.
 */
export function isHalfMade({ Labels: labels }: { readonly Labels?: Labels | null }): boolean {
  return Object.keys(labels ?? {}).length === 0;
}

/** The engine's list filter for the resources of an installation, or of one of its runs. */
export function labelFilter(installationId: string, runId?: string): string[] {
  const filter = [`${LABELS.installation}=${installationId}`];
  return runId === undefined ? filter : [...filter, `${LABELS.run}=${runId}`];
}
