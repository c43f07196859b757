import { groupByRun, type EngineResource } from './run-resources';

function resource(overrides: Partial<EngineResource>): EngineResource {
  const plain = {
    kind: 'container',
    id: 'id',
    name: 'name',
    epoch: 1,
    isRunning: false,
    does: 'agent',
    isPart: false,
    createdAtMs: 0,
  } as const;
  return { ...plain, runId: 'run-1', ...overrides };
}

describe('groupByRun', () => {
  it('counts by run and takes the age of the youngest', () => {
    const resources = [
      resource({ createdAtMs: 1_000 }),
      resource({ createdAtMs: 4_000 }),
      resource({ kind: 'volume', createdAtMs: 500 }),
      resource({ kind: 'network', runId: 'run-2', createdAtMs: 9_000 }),
    ];
    expect(groupByRun(resources, 5_000)).toEqual([
      { runId: 'run-1', resources: { container: 2, volume: 1 }, youngestAgeMs: 1_000 },
      { runId: 'run-2', resources: { network: 1 }, youngestAgeMs: 0 },
    ]);
  });

  it('counts the volumes of containers with them, and by themselves where the containers are gone', () => {
    const volumes = [resource({ kind: 'volume', isPart: true }), resource({ kind: 'volume' })];
    expect(groupByRun([resource({}), ...volumes], 0)).toMatchObject([{ resources: { container: 1, volume: 1 } }]);
    expect(groupByRun(volumes, 0)).toMatchObject([{ resources: { volume: 2 } }]);
  });

  it('takes what has no known age for new, and leaves out what has no run', () => {
    expect(groupByRun([resource({ createdAtMs: NaN })], 5_000)[0]?.youngestAgeMs).toBe(0);
    expect(groupByRun([resource({ runId: '' })], 5_000)).toEqual([]);
  });
});
