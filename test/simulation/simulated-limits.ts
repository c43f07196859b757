import { DEFAULT_JSON_LIMITS } from '@crewtab/domain/runs/output-limits';

/** Limits that are soon passed, and far from what agents that work well come to. */
export const SIMULATED_LIMITS = {
  longestLineBytes: 4_096,
  outputLimit: 65_536,
  messageLimit: 200,
  diskBytes: 1_000_000,
  /** From the outcome on, ms: in real workers it is a minute, and histories are short. */
  collectMs: 20_000,
  /** Hosts that one session of the egress proxy tells of. */
  networkNotices: 20,
  json: { ...DEFAULT_JSON_LIMITS, batchEntries: 20 },
};
