/** What a due instant becomes while a run of its schedule is queued or running: the words of docs/cron.md. */
export const OVERLAP_WORDS = {
  allow: 'runs beside it, in containers of its own',
  skip: 'is recorded as skipped and never runs',
  queue: 'waits until no earlier run of the schedule is active, then runs; none is lost',
  replace: 'runs, and the active ones are cancelled (with teardown; their error code is replaced)',
} as const;

/** What becomes of instants that are found late: the words of docs/cron.md. */
export const CATCH_UP_WORDS = {
  none: 'none fires',
  latest: 'the newest one fires, unless a newer instant is on time and fires anyway',
  all: 'every one fires, oldest first',
} as const;

/** What agents of a team reach: the words of docs/network.md, in short. */
export const NETWORK_WORDS = {
  none: 'nothing',
  allowlist: 'the listed hosts through the egress proxy; no other host, no name server, no other route',
  open: 'whatever the host reaches: its services, its local network. It blocks nothing',
} as const;
