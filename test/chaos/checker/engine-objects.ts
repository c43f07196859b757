import type { EngineEvent } from './evidence';

/** The product's labels, in words of their own: the checker must notice when the product renames them by mistake. */
export const LABELS = {
  installation: 'crewtab.installation',
  run: 'crewtab.run',
  agent: 'crewtab.agent',
  /** On what belongs to the host rather than to a run. */
  shared: 'crewtab.shared',
} as const;

export interface ContainerLife {
  readonly id: string;
  readonly name: string;
  readonly runId: string;
  readonly createdAt: number;
  /** Null: no event says so. */
  readonly destroyedAt: number | null;
}

/** Every container of an installation's runs that the engine says it made. */
export function containerLives(events: readonly EngineEvent[], installationId: string): ContainerLife[] {
  const destroyed = new Map(
    events.filter(({ kind, action }) => kind === 'container' && action === 'destroy').map(({ id, at }) => [id, at]),
  );
  return events
    .filter(({ kind, action }) => kind === 'container' && action === 'create')
    .flatMap(({ id, name, at, attributes }) => {
      const runId = attributes[LABELS.run];
      if (attributes[LABELS.installation] !== installationId || runId === undefined) return [];
      return [{ id, name: name ?? id, runId, createdAt: at, destroyedAt: destroyed.get(id) ?? null }];
    });
}
