/**
 * What Crewtab promises about every run, whatever dies on the way. The simulator, the chaos checker and
 * docs/reliability.md refer to these numbers.
 */
export const INVARIANTS = {
  I1: 'There is exactly one row per schedule and due instant.',
  I2: 'Every due instant of an enabled schedule has a row: a run, `skipped` with its reason, or `missed`.',
  I3: 'There is no row for an instant that was not due; manual runs are made once per idempotency key.',
  I4: 'A run gets exactly one terminal status, which never changes, at the latest at its deadline plus the stop grace while the control plane is up.',
  I5: 'An agent team gets its prompt at most once per run, counted at the agent.',
  I6: '`success` implies that the agent got the prompt, that its answer is stored, and that its finished work was verified where that is asked for.',
  I7: 'No write of a stale epoch is accepted.',
  I8: 'Nothing that was made for a terminal run exists for longer than 30 s, and the time that its artifacts take to be collected, on a reachable host; on an unreachable one the pending teardown stays open and visible.',
  I9: "Nothing with the installation's label lacks a run, and nothing without the label is ever touched, not even with a look-alike name.",
  I10: 'A schedule whose overlap policy is `skip`, `queue` or `replace` never has two active runs.',
  I11: "A schedule's status is a function of its runs.",
  I12: 'After a pause or a deletion was answered, no later instant fires.',
  I13: 'Recovery alone never turns a healthy run into `failed`.',
  I14: 'The conversation has no gap, no double and the right order, across adoptions, and an artifact that is listed is there as it was.',
  I15: 'When the faults stop, everything converges within 60 s without a person.',
  I16: 'There is no change of a run without its event, and no event without its change.',
} as const;

export type InvariantName = keyof typeof INVARIANTS;
