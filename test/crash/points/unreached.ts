/** Effects that no scenario can be made to pass at will, and why; the check fails for one that is passed after all. */
export const UNREACHED: Readonly<Record<string, string>> = {
  'host-store.decommission':
    'only for a host that is gone for good, and the sweep has one host; one transaction, tested in test/e2e/hosts.spec.ts',
};
