import { Controller, Get, Inject } from '@nestjs/common';
import { z } from 'zod';
import { formatDuration } from '@crewtab/domain/durations';
import { API_PATH, HTTP_DEPS, type HttpDeps } from '../http-deps';
import { LIMITS } from '../limits';
import { CATCH_UP_POLICIES, OVERLAP_POLICIES, SCHEDULE_DEFAULTS } from '../schedules/schedule-schemas';

const PROTOCOLS = ['acp', 'command'] as const;
const RUNTIMES = ['docker', 'process'] as const;
const NETWORKS = ['egress', 'team', 'none'] as const;

/** What a form needs to know. */
export const configView = z.object({
  version: z.string(),
  defaultTimeout: z.string().meta({ format: 'go-duration' }),
  defaultTimeoutSeconds: z.number(),
  maxTimeout: z.string().meta({ format: 'go-duration' }),
  maxTimeoutSeconds: z.number(),
  runtime: z
    .enum(RUNTIMES)
    .meta({ description: 'The one in use: docker needs an image per agent, process a command.' }),
  runtimes: z.array(z.enum(RUNTIMES)),
  protocols: z.array(z.enum(PROTOCOLS)),
  networks: z.array(z.enum(NETWORKS)),
  overlapPolicies: z.array(z.enum(OVERLAP_POLICIES)),
  catchUpPolicies: z.array(z.enum(CATCH_UP_POLICIES)),
  scheduleDefaults: z.object({
    timezone: z.string(),
    enabled: z.boolean(),
    timeout: z.string(),
    overlap: z.enum(OVERLAP_POLICIES),
    catchUp: z.enum(CATCH_UP_POLICIES),
    catchUpWindow: z.string(),
  }),
  limits: z
    .record(z.string(), z.number())
    .meta({ description: 'Bounds by name; …Length in characters, …Ms in milliseconds, …Bytes in bytes.' }),
  timezones: z.array(z.string()),
});

@Controller(`${API_PATH}/config`)
export class ConfigController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: Pick<HttpDeps, 'settings'>) {}

  @Get()
  get(): z.input<typeof configView> {
    const { version, runtime, defaultTimeoutMs, maxTimeoutMs } = this.deps.settings;
    const { catchUpWindowMs, ...defaults } = SCHEDULE_DEFAULTS;
    return {
      version,
      defaultTimeout: formatDuration(defaultTimeoutMs),
      defaultTimeoutSeconds: defaultTimeoutMs / 1_000,
      maxTimeout: formatDuration(maxTimeoutMs),
      maxTimeoutSeconds: maxTimeoutMs / 1_000,
      runtime,
      runtimes: [...RUNTIMES],
      protocols: [...PROTOCOLS],
      networks: [...NETWORKS],
      overlapPolicies: [...OVERLAP_POLICIES],
      catchUpPolicies: [...CATCH_UP_POLICIES],
      scheduleDefaults: {
        ...defaults,
        timeout: formatDuration(defaultTimeoutMs),
        catchUpWindow: formatDuration(catchUpWindowMs),
      },
      limits: { ...LIMITS },
      // UTC is a zone like any other, but Intl leaves it out of its list.
      timezones: ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')],
    };
  }
}
