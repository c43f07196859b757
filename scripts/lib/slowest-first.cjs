'use strict';

/** Spec files that last longest, the longest first: a minute or two each, most of it waiting. */
const SLOWEST = [
  'integration/runtime-docker/engine-killed.spec.ts',
  'integration/runtime-docker/contract.spec.ts',
  'e2e/firing.spec.ts',
  'e2e/start.spec.ts',
  'e2e/hosts.spec.ts',
  'e2e/life-of-a-run.spec.ts',
  'e2e/clocks-ahead.spec.ts',
  'e2e/clocks-behind.spec.ts',
  'e2e/adoption.spec.ts',
  'e2e/teardown-fails.spec.ts',
  'integration/schedules/dst-all-zones.spec.ts',
  'integration/runtime-docker/broken-connections.spec.ts',
];

/**
 * Begins with what lasts longest, so that at the end no worker is left with it while the others have nothing to do. Jest
 * itself knows only how long files took before, which a fresh clone does not, and how large they are.
 */
class SlowestFirst {
  static slowest = SLOWEST;

  sort(tests) {
    const weight = ({ path }) => {
      const index = SLOWEST.findIndex((name) => path.replaceAll('\\', '/').endsWith(name));
      return index === -1 ? SLOWEST.length : index;
    };
    const size = ({ path, context }) => context.hasteFS.getSize(path) ?? 0;
    return [...tests].sort((one, other) => weight(one) - weight(other) || size(other) - size(one));
  }

  allFailedTests(tests) {
    return tests;
  }

  cacheResults() {}
}

module.exports = SlowestFirst;
