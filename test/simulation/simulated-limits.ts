import { DEFAULT_JSON_LIMITS } from '@crewtab/domain/runs/output-limits';

/** Limits of output that are soon passed, and far from what agents that work well come to. */
export const SIMULATED_LIMITS = {
  longestLineBytes: 4_096,
  messageLimit: 200,
  json: { ...DEFAULT_JSON_LIMITS, batchEntries: 20 },
};
