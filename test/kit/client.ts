import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createApiClient, type ApiClient as Client } from '@crewtab/api-client/api-client';
import { ApiProblem } from '@crewtab/api-client/api-problem';
import type { AnswerOf, BodyOf, Routes } from '@crewtab/api-client/route-types';
import type { DeploymentAnswer, MessageView, RunView } from '@crewtab/api-contract/run-routes';
import type { ScheduleView } from '@crewtab/api-contract/schedule-routes';
import { fetchChecked } from './check-answer';
import { eventually } from './wait-for';

export type TeamInput = BodyOf<'POST /teams'>;
export type AgentInput = TeamInput['agents'][number] & { readonly image: string };
export type ScheduleInput = BodyOf<'POST /schedules'>;
export type Schedule = ScheduleView;
export type Run = RunView;
export type Message = MessageView & { readonly content: { readonly text?: string } };

/** Between two looks at a run: rarely enough that many waiting tests do not slow the runs down. */
const LOOK_EVERY_MS = 200;
/** Until a request is given up that cannot be answered. */
const ATTEMPTS = 20;

/** The API as the e2e tests use it: every answer is held against the contract. */
export class ApiClient {
  private readonly client: Client;

  constructor(
    readonly baseUrl: string,
    readonly apiKey: string,
  ) {
    this.client = createApiClient({ baseUrl, apiKey, fetch: fetchChecked });
  }

  createTeam(team: TeamInput): Promise<{ readonly id: string }> {
    return this.request('POST /teams', { body: team });
  }

  createSchedule(schedule: ScheduleInput): Promise<Schedule> {
    return this.request('POST /schedules', { body: schedule });
  }

  schedule(id: string): Promise<Schedule> {
    return this.request('GET /schedules/:id', { params: { id } });
  }

  trigger(scheduleId: string): Promise<Run> {
    return this.request('POST /schedules/:id/trigger', { params: { id: scheduleId } });
  }

  run(id: string): Promise<Run> {
    return this.request('GET /runs/:id', { params: { id } });
  }

  cancel(id: string): Promise<Run> {
    return this.request('POST /runs/:id/cancel', { params: { id } });
  }

  deployment(id: string): Promise<DeploymentAnswer> {
    return this.request('GET /deployments/:id', { params: { id } });
  }

  /** The newest 100 runs of a schedule, newest first. */
  async runsOf(scheduleId: string): Promise<readonly Run[]> {
    const request = { params: { id: scheduleId }, query: { limit: 100 } };
    return (await this.request('GET /schedules/:id/runs', request)).items;
  }

  /** The whole conversation, page by page. */
  async messages(runId: string): Promise<Message[]> {
    const messages: Message[] = [];
    for (let cursor: string | null = '0'; cursor !== null;) {
      const request = { params: { id: runId }, query: { limit: 100, cursor } };
      const page: AnswerOf<Routes['GET /runs/:id/messages']> = await this.request('GET /runs/:id/messages', request);
      for (const message of page.items)
        messages.push(message.truncated ? await this.message(runId, message.seq) : message);
      cursor = page.nextCursor;
    }
    return messages;
  }

  /** One message whole. */
  message(runId: string, seq: number): Promise<Message> {
    return this.request('GET /runs/:id/messages/:seq', { params: { id: runId, seq: String(seq) } });
  }

  /** Looks at the run until it is as wanted. @throws Error that shows the run as it was last seen. */
  async untilRun(id: string, isAsWanted: (run: Run) => boolean | Promise<boolean>, timeoutMs = 90_000): Promise<Run> {
    return eventually(
      async () => {
        const run = await this.run(id);
        if (await isAsWanted(run)) return run;
        throw new Error(
          `the run is not as wanted yet: ${JSON.stringify({ ...run, prompt: run.prompt.slice(0, 100) })}`,
        );
      },
      { timeoutMs, intervalMs: LOOK_EVERY_MS },
    );
  }

  /** Until the run is over and everything of it is removed. */
  untilFinished(id: string, timeoutMs?: number): Promise<Run> {
    return this.untilRun(id, ({ phase }) => phase === 'finished', timeoutMs);
  }

  /** In Prometheus' text format. */
  async metrics(): Promise<string> {
    return (await fetch(`${this.baseUrl}/metrics`)).text();
  }

  /**
   * A POST has an Idempotency-Key, and what could not be answered for want of a service is asked again, as docs/errors.md
   * advises: on a busy machine Postgres may be late.
   * @throws ApiProblem for every other status but 2xx.
   */
  readonly request: Client['request'] = async (route, ...[request]) => {
    const send = this.client.request as (route: string, request: object) => Promise<never>;
    const idempotencyKey = route.startsWith('POST') ? randomUUID() : undefined;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await send(route, { idempotencyKey, ...request });
      } catch (error) {
        if (!(error instanceof ApiProblem) || error.retryAfterMs === null || attempt === ATTEMPTS) throw error;
        await delay(error.retryAfterMs);
      }
    }
  };
}

/** Everything that agents said in their answers, in order. */
export function saidIn(messages: readonly Message[]): string {
  return messages.flatMap(({ kind, content }) => (kind === 'agent_message' ? [content.text ?? ''] : [])).join('');
}

/** One request for clients that decide by themselves what they ask again, and where. */
export interface RawRequest {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly method: string;
  /** After `/api/v1`. */
  readonly path: string;
  /** Undefined or null: none. */
  readonly body?: unknown;
  readonly idempotencyKey: string | null;
  readonly signal: AbortSignal;
}

export interface RawAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Asks once. @throws whatever fetch throws when there is no answer */
export async function sendOnce({ baseUrl, apiKey, method, path, ...request }: RawRequest): Promise<RawAnswer> {
  const { body = null, idempotencyKey, signal } = request;
  const response = await fetch(`${baseUrl}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${apiKey}`,
      ...(body === null ? {} : { 'content-type': 'application/json' }),
      ...(idempotencyKey === null ? {} : { 'idempotency-key': idempotencyKey }),
    },
    ...(body === null ? {} : { body: JSON.stringify(body) }),
    signal,
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? null : (JSON.parse(text) as unknown) };
}
