import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../support/wait-for';

/** What the e2e tests say and read of the REST API: the parts of docs' shapes that they use. */
export interface AgentInput {
  readonly name: string;
  readonly role: 'leader' | 'worker';
  readonly protocol: 'acp' | 'command';
  readonly image: string;
  readonly command?: readonly string[];
  readonly instructions?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly resources?: { readonly memory?: string; readonly cpus?: number };
}

export interface TeamInput {
  readonly name: string;
  readonly agents: readonly AgentInput[];
}

export interface ScheduleInput {
  readonly teamId: string;
  readonly name: string;
  readonly prompt: string;
  readonly cron: string;
  readonly enabled?: boolean;
  readonly timeout?: string;
}

export interface Schedule {
  readonly id: string;
  readonly teamId: string;
  readonly status: 'running' | 'error' | 'idle';
  readonly nextRunAt: string | null;
}

export interface Run {
  readonly id: string;
  readonly scheduleId: string;
  readonly teamId: string;
  readonly teamName: string;
  readonly trigger: string;
  readonly scheduledFor: string;
  readonly status: string;
  readonly phase: string;
  readonly prompt: string;
  readonly result: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly teamDeploymentId: string | null;
  readonly teardown: {
    readonly containers: number;
    readonly networks: number;
    readonly volumes: number;
    /** Null: given up with its host, and not proven since. */
    readonly verifiedAt: string | null;
    readonly givenUp: { readonly at: string; readonly by: string } | null;
  } | null;
  readonly teardownFailure: { readonly code: string; readonly message: string; readonly attempts: number } | null;
}

export interface Message {
  readonly seq: number;
  readonly agent: string | null;
  readonly kind: string;
  readonly content: { readonly text?: string };
}

export interface Deployment {
  readonly name: string;
  readonly agents: readonly { readonly name: string; readonly startedAt: string | null }[];
}

interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

/** Between two looks at a run: rarely enough that many waiting tests do not slow the runs down. */
const LOOK_EVERY_MS = 200;
/** Until a request is given up that cannot be answered. */
const ATTEMPTS = 20;

export class ApiClient {
  constructor(
    readonly baseUrl: string,
    readonly apiKey: string,
  ) {}

  createTeam(team: TeamInput): Promise<{ readonly id: string }> {
    return this.call('POST', '/teams', team);
  }

  createSchedule(schedule: ScheduleInput): Promise<Schedule> {
    return this.call('POST', '/schedules', schedule);
  }

  schedule(id: string): Promise<Schedule> {
    return this.call('GET', `/schedules/${id}`);
  }

  trigger(scheduleId: string): Promise<Run> {
    return this.call('POST', `/schedules/${scheduleId}/trigger`);
  }

  run(id: string): Promise<Run> {
    return this.call('GET', `/runs/${id}`);
  }

  deployment(id: string): Promise<Deployment> {
    return this.call('GET', `/deployments/${id}`);
  }

  /** The newest 100 runs of a schedule, newest first. */
  async runsOf(scheduleId: string): Promise<readonly Run[]> {
    return (await this.call<Page<Run>>('GET', `/schedules/${scheduleId}/runs?limit=100`)).items;
  }

  /** The whole conversation, page by page. */
  async messages(runId: string): Promise<Message[]> {
    const messages: Message[] = [];
    for (let cursor: string | null = '0'; cursor !== null;) {
      const page: Page<Message> = await this.call('GET', `/runs/${runId}/messages?limit=100&after=${cursor}`);
      messages.push(...page.items);
      cursor = page.nextCursor;
    }
    return messages;
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
   * @throws Error with the answer's own words for every other status but 2xx.
   */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const key = method === 'POST' ? randomUUID() : null;
    for (let attempt = 1; ; attempt += 1) {
      const response = await this.request(method, path, body, key);
      const text = await response.text();
      if (response.ok) return (text === '' ? undefined : JSON.parse(text)) as T;
      const retryAfter = response.headers.get('retry-after');
      if (retryAfter === null || attempt === ATTEMPTS) throw new Error(`${method} ${path}: ${response.status} ${text}`);
      await delay(Number(retryAfter) * 1_000);
    }
  }

  private request(method: string, path: string, body: unknown, key: string | null): Promise<Response> {
    return fetch(`${this.baseUrl}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.apiKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key === null ? {} : { 'idempotency-key': key }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
}

/** Everything that agents said in their answers, in order. */
export function saidIn(messages: readonly Message[]): string {
  return messages.flatMap(({ kind, content }) => (kind === 'agent_message' ? [content.text ?? ''] : [])).join('');
}
