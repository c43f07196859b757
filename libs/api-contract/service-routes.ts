import { z } from 'zod';
import { LIMITED_RESOURCES, RUNTIME_KINDS } from '@crewtab/domain/runtimes';
import { NETWORK_MODES } from '@crewtab/domain/teams/network';
import { promptFormatField } from './prompt-routes';
import { API_PATH, defineRoute } from './route';
import { CATCH_UP_POLICIES, OVERLAP_POLICIES } from './schedule-routes';
import { artifactsField, verifyField } from './verify-fields';

export const PROTOCOLS = ['acp', 'command'] as const;

/** What a form needs to know. */
const configView = z
  .object({
    version: z.string(),
    defaultTimeout: z.string().meta({ format: 'go-duration' }),
    defaultTimeoutSeconds: z.number(),
    maxTimeout: z.string().meta({ format: 'go-duration' }),
    maxTimeoutSeconds: z.number(),
    runtime: z
      .enum(RUNTIME_KINDS)
      .meta({ description: 'The one in use: docker needs an image per agent, process a command.' }),
    runtimes: z.array(z.enum(RUNTIME_KINDS)),
    runtimeCapabilities: z
      .object({
        isIsolated: z.boolean(),
        networks: z.array(z.enum(NETWORK_MODES)),
        limits: z.array(z.enum(LIMITED_RESOURCES)),
        buildsImages: z.boolean(),
        leavesWorkspace: z.boolean().meta({ description: 'Whether schedules may have `verify` at all.' }),
        verifiesByCommand: z.boolean().meta({ description: 'Whether `verify` may have a command.' }),
        preparesWorkspace: z.boolean().meta({ description: 'Whether teams may have a `workspace`.' }),
        clonesRepositories: z.boolean().meta({ description: 'Whether it may have `git`.' }),
        keepsWorkspaces: z.boolean().meta({ description: 'Whether it may have `persist`.' }),
      })
      .meta({
        description: 'What the runtime in use keeps to; a network or limit that is not listed is not enforced.',
      }),
    keepsArtifacts: z
      .boolean()
      .meta({ description: 'Whether schedules may have `artifacts`: there is a store for them.' }),
    protocols: z.array(z.enum(PROTOCOLS)),
    networks: z
      .array(z.enum(NETWORK_MODES))
      .meta({ description: 'Modes that a new team may have; open under docker only where the operator allows it.' }),
    overlapPolicies: z.array(z.enum(OVERLAP_POLICIES)),
    catchUpPolicies: z.array(z.enum(CATCH_UP_POLICIES)),
    scheduleDefaults: z.object({
      timezone: z.string(),
      enabled: z.boolean(),
      timeout: z.string(),
      overlap: z.enum(OVERLAP_POLICIES),
      catchUp: z.enum(CATCH_UP_POLICIES),
      catchUpWindow: z.string(),
      allowEmpty: z.boolean(),
      allowOpenToolCalls: z.boolean(),
      promptFormat: promptFormatField,
      variables: z.record(z.string(), z.string()),
      verify: verifyField,
      artifacts: artifactsField,
    }),
    limits: z
      .record(z.string(), z.number())
      .meta({ description: 'Bounds by name; …Length in characters, …Ms in milliseconds, …Bytes in bytes.' }),
    agentImages: z
      .object({ patterns: z.array(z.string()).nullable(), needsDigest: z.boolean() })
      .meta({ description: 'Which images agents may have: patterns (null: any), and whether they need a digest.' }),
    timezones: z.array(z.string()),
  })
  .meta({ id: 'Config' });

export const getConfig = defineRoute({
  method: 'get',
  path: `${API_PATH}/config`,
  operationId: 'getConfig',
  tag: 'System',
  role: 'member',
  summary: 'What a form needs: timeouts, limits, runtimes, protocols',
  answer: { status: 200, description: 'The configuration.', view: configView },
});

const glossaryView = z
  .object({
    sections: z.array(
      z.object({
        title: z.string(),
        entries: z.array(
          z.object({
            code: z.string().meta({ description: 'Of the page that explains it: `/help/<code>`.' }),
            name: z.string(),
            meaning: z.string(),
            advice: z.string().optional().meta({ description: 'Of an error: what to do.' }),
          }),
        ),
      }),
    ),
  })
  .meta({ id: 'Glossary' });

export const getGlossary = defineRoute({
  method: 'get',
  path: `${API_PATH}/glossary`,
  operationId: 'getGlossary',
  tag: 'System',
  role: 'member',
  summary: 'What each status, phase, policy and code means, in the words of the documents and the pages',
  answer: { status: 200, description: 'The words.', view: glossaryView },
});

const shared = { method: 'get', tag: 'System', role: 'public' } as const;

export const getHealth = defineRoute({
  ...shared,
  path: '/healthz',
  operationId: 'getHealth',
  summary: 'Liveness',
  answer: {
    status: 200,
    description: 'The process answers.',
    view: z.object({ status: z.literal('ok'), version: z.string() }).meta({ id: 'Health' }),
  },
});

export const getReadiness = defineRoute({
  ...shared,
  path: '/readyz',
  operationId: 'getReadiness',
  summary: 'Readiness: Postgres, Redis, job schedulers in step',
  answer: {
    status: 200,
    description: 'All is there.',
    view: z.object({ status: z.literal('ok'), checks: z.record(z.string(), z.string()) }).meta({ id: 'Readiness' }),
  },
  errors: ['not_ready'],
});

export const getMetrics = defineRoute({
  ...shared,
  path: '/metrics',
  operationId: 'getMetrics',
  summary: 'Metrics for Prometheus',
  description: 'Gathered at most once a second. Where METRICS_KEY is set, it comes as a bearer token.',
  answer: { status: 200, description: "Prometheus' text format.", contentType: 'text/plain' },
  errors: ['unauthorized', 'rate_limited'],
});

export const getOpenApi = defineRoute({
  ...shared,
  path: '/api/openapi.json',
  operationId: 'getOpenApi',
  summary: 'This document',
  answer: { status: 200, description: 'OpenAPI 3.1.', contentType: 'application/json' },
  errors: ['rate_limited'],
});

export const serviceRoutes = [getConfig, getGlossary, getHealth, getReadiness, getMetrics, getOpenApi] as const;
