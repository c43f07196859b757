import { API_PATH } from '../http-deps';
import type { Operation } from './operation';

const SYSTEM = 'System';

export const OTHER_OPERATIONS: readonly Operation[] = [
  {
    method: 'get',
    path: `${API_PATH}/deployments/{id}`,
    id: 'getDeployment',
    tag: 'Deployments',
    summary: "The containers that were made for a run (the run's `teamDeploymentId`)",
    answer: { status: 200, description: 'The deployment with its agents.', schema: { ref: 'TeamDeployment' } },
  },
  {
    method: 'get',
    path: `${API_PATH}/config`,
    id: 'getConfig',
    tag: SYSTEM,
    summary: 'What a form needs: timeouts, limits, runtimes, protocols',
    answer: { status: 200, description: 'The configuration.', schema: { ref: 'Config' } },
  },
  {
    method: 'get',
    path: '/healthz',
    id: 'getHealth',
    tag: SYSTEM,
    summary: 'Liveness',
    isPublic: true,
    answer: { status: 200, description: 'The process answers.', schema: { ref: 'Health' } },
  },
  {
    method: 'get',
    path: '/readyz',
    id: 'getReadiness',
    tag: SYSTEM,
    summary: 'Readiness: Postgres, Redis, job schedulers in step',
    isPublic: true,
    answer: { status: 200, description: 'All is there.', schema: { ref: 'Readiness' } },
    errors: ['not_ready'],
  },
  {
    method: 'get',
    path: '/metrics',
    id: 'getMetrics',
    tag: SYSTEM,
    summary: 'Metrics for Prometheus',
    isPublic: true,
    answer: { status: 200, description: "Prometheus' text format.", contentType: 'text/plain' },
  },
  {
    method: 'get',
    path: '/',
    id: 'getHome',
    tag: SYSTEM,
    summary: 'A page with links',
    isPublic: true,
    answer: { status: 200, description: 'HTML.', contentType: 'text/html' },
  },
  {
    method: 'get',
    path: '/api/openapi.json',
    id: 'getOpenApi',
    tag: SYSTEM,
    summary: 'This document',
    isPublic: true,
    answer: { status: 200, description: 'OpenAPI 3.1.', contentType: 'application/json' },
  },
];
