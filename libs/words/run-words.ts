import type { RunPhase, RunStatus, RunTrigger } from '@crewtab/domain/runs/run';

/** One sentence for each status, as docs/state-machine.md has it. */
export const STATUS_WORDS: Readonly<Record<RunStatus, string>> = {
  queued: 'Waits for a worker; nothing of it exists yet.',
  running: 'Its containers exist, and its outcome is open.',
  success: "The leader's turn ended well, no delegated work is open, and everything is removed.",
  failed: 'An agent, its start, the prompt, its host or the removal failed.',
  timeout: 'The deadline passed; the team was stopped.',
  cancelled: 'A person asked for it, or a newer run took its place.',
  skipped: 'Another run of the schedule was active, and its overlap policy is skip.',
  missed: 'No scheduler was running to fire it in time.',
};

export const PHASE_WORDS: Readonly<Record<RunPhase, string>> = {
  queued: 'waits for a worker',
  deploying: 'containers are made, agents answer the handshake',
  prompting: 'the prompt is being sent',
  monitoring: 'the agents work',
  verifying: 'the agents are stopped, their work is being checked',
  collecting: 'the outcome is decided, what was left is being kept',
  tearing_down: 'the outcome is decided, everything is being removed',
  finished: 'nothing of it is left',
};

export const TRIGGER_WORDS: Readonly<Record<RunTrigger, string>> = {
  schedule: 'by schedule',
  manual: 'by hand',
  catchup: 'caught up',
  rerun: 'rerun',
};
