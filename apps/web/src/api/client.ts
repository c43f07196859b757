import { createApiClient } from '@crewtab/api-client/api-client';
import type { AnswerOf, Routes } from '@crewtab/api-client/route-types';

/** The token of the session that this page has; null before a person is logged in. */
let csrfToken: string | null = null;

export function setCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** The API of the server that the page came from; the browser sends the cookie of the session along. */
export const api = createApiClient({ baseUrl: '', csrfToken: () => csrfToken });

export type Run = AnswerOf<Routes['GET /runs/:id']>;
export type Schedule = AnswerOf<Routes['GET /schedules/:id']>;
export type Artifact = AnswerOf<Routes['GET /runs/:id/artifacts']>['items'][number];
export type Message = AnswerOf<Routes['GET /runs/:id/messages']>['items'][number];
export type Outline = AnswerOf<Routes['GET /runs/:id/outline']>;
export type RunTimeline = AnswerOf<Routes['GET /runs/:id/timeline']>;
export type Deployment = AnswerOf<Routes['GET /deployments/:id']>;
export type Caller = AnswerOf<Routes['GET /session']>;
export type Session = AnswerOf<Routes['GET /sessions']>['items'][number];
export type Overview = AnswerOf<Routes['GET /overview']>;
export type OverviewRun = Overview['active'][number];
export type Used = NonNullable<Run['usage']>;
export type Usage = AnswerOf<Routes['GET /usage']>;
export type UsageSum = Usage['total'];
export type System = AnswerOf<Routes['GET /system']>;
export type Preset = AnswerOf<Routes['GET /presets']>['items'][number];
export type Team = AnswerOf<Routes['GET /teams/:id']>;
export type Secret = AnswerOf<Routes['GET /secrets/:name']>;
export type RunMark = NonNullable<Schedule['recent']>[number];
export type Revision = AnswerOf<Routes['GET /schedules/:id/revisions']>['items'][number];
