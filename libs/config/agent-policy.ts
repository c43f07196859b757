import { RUNTIMES } from '@crewtab/domain/runtimes';
import type { AgentPolicy } from '@crewtab/domain/teams/agent-policy';
import type { SettingValues } from './read-settings';

/** Schedulers refuse by them, and workers once more: a team may be older than a limit. */
export const AGENT_POLICY_SETTINGS = [
  'CREWTAB_RUNTIME',
  'AGENT_MEMORY_MAX',
  'AGENT_CPUS_MAX',
  'AGENT_PIDS_MAX',
  'AGENT_IMAGES',
  'AGENT_IMAGE_DIGESTS',
] as const;

export function agentPolicyOf(values: SettingValues<(typeof AGENT_POLICY_SETTINGS)[number]>): AgentPolicy {
  const needs: readonly string[] = RUNTIMES[values.CREWTAB_RUNTIME].agentNeeds;
  const hasImages = needs.includes('image');
  return {
    memoryBytes: values.AGENT_MEMORY_MAX,
    cpus: values.AGENT_CPUS_MAX,
    pids: values.AGENT_PIDS_MAX,
    images: hasImages ? values.AGENT_IMAGES : null,
    needsDigest: hasImages && values.AGENT_IMAGE_DIGESTS,
  };
}
