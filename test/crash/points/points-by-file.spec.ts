import { findPoints } from './find-points';
import { pointsByFile, pointsIn } from './points-by-file';

describe('the crash points of a file', () => {
  it('are those of the effects that it names', () => {
    const text = "await effect('docker.volume.create', make); await transaction(db, 'postgres.change', work);";
    expect([...pointsIn('libs/x/y.ts', text)].sort()).toEqual([
      'docker.volume.create:after',
      'docker.volume.create:before',
      'postgres.change:after',
      'postgres.change:before',
    ]);
  });

  it.each([
    ['an implementation of the port', 'class PrismaRunStore implements RunStore { conclude() {} }'],
    ['a method of an object that is one', 'function make(): Pick<RunStore, "conclude"> { return { conclude() {} }; }'],
    ['a function of the name', 'export async function conclude() {}'],
    ['a caller', 'await this.deps.store.conclude(x);'],
  ])("are a port's where it is %s", (_, text) => {
    expect(pointsIn('libs/x/y.ts', text)).toEqual(new Set(['run-store.conclude:before', 'run-store.conclude:after']));
  });

  it('are not those of another object with a method of that name', () => {
    expect(pointsIn('libs/x/y.ts', 'class Speech implements Talk { conclude() {} } talk.conclude();')).toEqual(
      new Set(),
    );
  });

  it('leave no point without a file', () => {
    const placed = new Set([...pointsByFile().values()].flatMap((points) => [...points]));
    const all = findPoints();
    expect(all.filter((point) => !placed.has(point))).toEqual([]);
    expect([...placed].filter((point) => !all.includes(point))).toEqual([]);
  });
});
