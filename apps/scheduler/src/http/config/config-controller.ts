import { Controller, Inject } from '@nestjs/common';
import { LIMITS } from '@crewtab/api-contract/limits';
import { CATCH_UP_POLICIES, OVERLAP_POLICIES, SCHEDULE_DEFAULTS } from '@crewtab/api-contract/schedule-routes';
import { getConfig, getGlossary, PROTOCOLS } from '@crewtab/api-contract/service-routes';
import { formatDuration } from '@crewtab/domain/durations';
import { RUNTIME_KINDS, RUNTIMES, type RuntimeCapabilities } from '@crewtab/domain/runtimes';
import type { AgentPolicy } from '@crewtab/domain/teams/agent-policy';
import { GLOSSARY } from '@crewtab/words/glossary';
import { Route, type RouteAnswer } from '../contract/route';
import { HTTP_DEPS, type HttpDeps } from '../http-deps';

@Controller()
export class ConfigController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: Pick<HttpDeps, 'settings' | 'artifacts'>) {}

  @Route(getGlossary)
  glossary(): RouteAnswer<typeof getGlossary> {
    return { sections: GLOSSARY.map(({ title, entries }) => ({ title, entries: [...entries] })) };
  }

  @Route(getConfig)
  get(): RouteAnswer<typeof getConfig> {
    const { version, runtime, agentPolicy, defaultTimeoutMs, maxTimeoutMs, isOpenNetworkAllowed } = this.deps.settings;
    const { catchUpWindowMs, ...defaults } = SCHEDULE_DEFAULTS;
    const capabilities: RuntimeCapabilities = RUNTIMES[runtime];
    const { isIsolated, networks, limits, buildsImages, leavesWorkspace, verifiesByCommand } = capabilities;
    return {
      version,
      defaultTimeout: formatDuration(defaultTimeoutMs),
      defaultTimeoutSeconds: defaultTimeoutMs / 1_000,
      maxTimeout: formatDuration(maxTimeoutMs),
      maxTimeoutSeconds: maxTimeoutMs / 1_000,
      runtime,
      runtimes: [...RUNTIME_KINDS],
      runtimeCapabilities: {
        isIsolated,
        networks: [...networks],
        limits: [...limits],
        buildsImages,
        leavesWorkspace,
        verifiesByCommand,
        preparesWorkspace: capabilities.preparesWorkspace,
        clonesRepositories: capabilities.clonesRepositories,
        keepsWorkspaces: capabilities.keepsWorkspaces,
      },
      keepsArtifacts: this.deps.artifacts.store !== null && leavesWorkspace,
      protocols: [...PROTOCOLS],
      networks: networks.filter((mode) => mode !== 'open' || isOpenNetworkAllowed || !isIsolated),
      overlapPolicies: [...OVERLAP_POLICIES],
      catchUpPolicies: [...CATCH_UP_POLICIES],
      scheduleDefaults: {
        ...defaults,
        timeout: formatDuration(defaultTimeoutMs),
        catchUpWindow: formatDuration(catchUpWindowMs),
      },
      limits: limitsUnder(agentPolicy),
      agentImages: { patterns: agentPolicy.images && [...agentPolicy.images], needsDigest: agentPolicy.needsDigest },
      // UTC is a zone like any other, but Intl leaves it out of its list.
      timezones: ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')],
    };
  }
}

function limitsUnder({ cpus, memoryBytes, pids }: AgentPolicy): Record<string, number> {
  return {
    ...LIMITS,
    maxCpus: Math.min(LIMITS.maxCpus, cpus ?? Infinity),
    maxMemoryBytes: Math.min(LIMITS.maxMemoryBytes, memoryBytes ?? Infinity),
    maxPids: Math.min(LIMITS.maxPids, pids ?? Infinity),
  };
}
