import type { Server } from 'node:http';
import { Test } from '@nestjs/testing';
import type { NestExpressApplication } from '@nestjs/platform-express';
import request, { type Test as SuperTest } from 'supertest';
import { LiquidPromptRenderer } from '@crewtab/prompt-liquid/liquid-prompt-renderer';
import { createMetrics } from '@crewtab/observability/metrics';
import { NO_POLICY } from '@crewtab/domain/teams/agent-policy';
import { aPreset } from '@test/fakes/a-preset';
import { FakeClock } from '@test/fakes/fake-clock';
import { InMemoryAccess, InMemoryIdempotency } from '@test/fakes/management/in-memory-access';
import { InMemorySecrets } from '@test/fakes/management/in-memory-secrets';
import { InMemorySessions } from '@test/fakes/management/in-memory-sessions';
import { InMemoryUsage } from '@test/fakes/management/in-memory-usage';
import { InMemoryCatalog } from '@test/fakes/management/in-memory-catalog';
import { InMemoryOverview } from '@test/fakes/management/in-memory-overview';
import { InMemoryArtifactIndex } from '@test/fakes/management/in-memory-artifact-index';
import { InMemoryArtifactStore } from '@test/fakes/stores/in-memory-artifact-store';
import { FakeResultChecker } from '@test/fakes/runtime/fake-result-checker';
import { InMemoryScheduleHistory } from '@test/fakes/management/in-memory-schedule-history';
import { InMemoryRunArchive } from '@test/fakes/management/in-memory-run-archive';
import { RecordingLogger } from '@test/fakes/recording-logger';
import { InMemoryHostImages } from '@test/fakes/stores/in-memory-host-images';
import { InMemoryHostStore } from '@test/fakes/stores/in-memory-host-store';
import { InMemoryRunStore } from '@test/fakes/stores/in-memory-run-store';
import { checkAnswer } from '@test/kit/check-answer';
import { hashApiKey } from './access/api-key';
import { configureHttp, httpControllers, httpProviders } from './http';
import { HTTP_DEPS, type HttpDeps, type HttpProtection, type HttpSettings, type ReadinessCheck } from './http-deps';

/** Keys of the fixture: two organizations, and a key in the first that is no admin. */
export const KEYS = {
  admin: 'ctk_admin_of_the_first_one',
  member: 'ctk_member_of_the_first_one',
  other: 'ctk_admin_of_the_other',
} as const;
export const ORGANIZATION = 'organization-one';
export const OTHER_ORGANIZATION = 'organization-two';

export const SETTINGS: HttpSettings = {
  version: '1.2.3-test',
  runtime: 'docker',
  onlyCommand: null,
  agentPolicy: NO_POLICY,
  presets: new Map([
    ['coder', aPreset()],
    ['claude-code', aPreset({ name: 'claude-code', secrets: [] })],
  ]),
  defaultTimeoutMs: 3_600_000,
  maxTimeoutMs: 86_400_000,
  isBullBoardWritable: false,
  isOpenNetworkAllowed: false,
  sessionIdleMs: 3_600_000,
  sessionLimitMs: 86_400_000,
};

/** Limits that no test meets by accident. */
const UNPROTECTED: HttpProtection = {
  limits: { requests: 1_000_000, failures: 1_000_000, streams: 10_000, addressStreams: 10_000 },
  trustedProxies: [],
  metricsKey: null,
};

interface HttpOptions {
  readonly settings?: Partial<HttpSettings>;
  readonly protection?: Partial<HttpProtection>;
  readonly readiness?: readonly ReadinessCheck[];
  readonly deps?: Partial<HttpDeps>;
}

export class RecordingQueue {
  readonly offered: string[] = [];
  isDown = false;

  offerRuns(runIds: readonly string[]): Promise<void> {
    if (this.isDown) return Promise.reject(new Error('Redis does not answer'));
    this.offered.push(...runIds);
    return Promise.resolve();
  }
}

interface RecordedBeforeEdit {
  readonly scheduleId: string;
  readonly isEnding: boolean;
}

export interface HttpFixture {
  readonly app: NestExpressApplication;
  readonly server: Server;
  readonly clock: FakeClock;
  readonly catalog: InMemoryCatalog;
  readonly runs: InMemoryRunArchive;
  readonly access: InMemoryAccess;
  readonly sessions: InMemorySessions;
  readonly secrets: InMemorySecrets;
  readonly overview: InMemoryOverview;
  readonly usage: InMemoryUsage;
  readonly idempotency: InMemoryIdempotency;
  readonly hosts: InMemoryHostStore;
  readonly hostImages: InMemoryHostImages;
  /** The runs that `hosts` knows of. */
  readonly hostRuns: InMemoryRunStore;
  readonly artifacts: { readonly index: InMemoryArtifactIndex; readonly store: InMemoryArtifactStore };
  readonly queue: RecordingQueue;
  readonly logger: RecordingLogger;
  /** What was asked to be recorded before an edit. */
  readonly recorded: RecordedBeforeEdit[];
  /** Empties everything but the keys, so that tests of one file may share an app: starting one takes most of their time. */
  reset(): void;
  /** A request with the first organization's admin key, another one, or none; its answer is held against the contract. */
  call(method: 'get' | 'post' | 'patch' | 'delete' | 'put', path: string, key?: string | null): SuperTest;
}

/** The whole HTTP side over fakes, behind a real server on a loopback port. Close `app` in the end. */
export async function startHttp(options: HttpOptions = {}): Promise<HttpFixture> {
  const clock = new FakeClock();
  const catalog = new InMemoryCatalog(clock);
  const runs = new InMemoryRunArchive(catalog, clock);
  const hostRuns = new InMemoryRunStore(clock);
  const hosts = new InMemoryHostStore(hostRuns, clock);
  const hostImages = new InMemoryHostImages(hosts, clock);
  const [access, idempotency, queue, logger] = [
    new InMemoryAccess(),
    new InMemoryIdempotency(),
    new RecordingQueue(),
    new RecordingLogger(),
  ];
  access.keys.set(hashApiKey(KEYS.admin), { keyId: 'k1', organizationId: ORGANIZATION, role: 'admin' });
  access.keys.set(hashApiKey(KEYS.member), { keyId: 'k2', organizationId: ORGANIZATION, role: 'member' });
  access.keys.set(hashApiKey(KEYS.other), { keyId: 'k3', organizationId: OTHER_ORGANIZATION, role: 'admin' });
  const sessions = new InMemorySessions(access, clock);
  const secrets = new InMemorySecrets(catalog, clock);
  const overview = new InMemoryOverview(runs, catalog, clock);
  const usage = new InMemoryUsage();
  const artifacts = { index: new InMemoryArtifactIndex(clock), store: new InMemoryArtifactStore() };
  const recorded: RecordedBeforeEdit[] = [];
  const deps: HttpDeps = {
    teams: catalog,
    schedules: catalog,
    history: new InMemoryScheduleHistory(runs, catalog),
    prompts: new LiquidPromptRenderer(),
    runs,
    access,
    sessions,
    secrets,
    overview,
    usage,
    idempotency,
    hosts,
    hostImages,
    runChanges: runs,
    events: hostRuns.events,
    countJobs: () => Promise.resolve([{ name: 'ticks', jobs: { waiting: 2, delayed: 1 } }]),
    settingsInForce: [
      { name: 'PORT', value: '3000', isDefault: true, isSecret: false },
      { name: 'DATABASE_URL', value: null, isDefault: false, isSecret: true },
    ],
    queue,
    logger,
    clock,
    artifacts,
    resultChecker: new FakeResultChecker(),
    time: { now: () => Promise.resolve(clock.now()) },
    fireBeforeEdit: (scheduleId, isEnding) => {
      recorded.push({ scheduleId, isEnding });
      catalog.recordDue(scheduleId);
      return Promise.resolve(true);
    },
    settings: { ...SETTINGS, ...options.settings },
    protection: { ...UNPROTECTED, ...options.protection },
    metrics: createMetrics('test'),
    readiness: options.readiness ?? [],
    bullBoardQueues: [],
    webFiles: new Map(),
    ...options.deps,
  };
  const module = await Test.createTestingModule({
    controllers: [...httpControllers],
    providers: [{ provide: HTTP_DEPS, useValue: deps }, ...httpProviders],
  }).compile();
  const app = module.createNestApplication<NestExpressApplication>({ bodyParser: false, logger: false });
  configureHttp(app, deps);
  await app.listen(0, '127.0.0.1');
  const server = app.getHttpServer();
  const call: HttpFixture['call'] = (method, path, key = KEYS.admin) => {
    const test = request(server)[method](path);
    if (key !== null) void test.set('Authorization', `Bearer ${key}`);
    return test.expect(({ status, headers, text }) =>
      checkAnswer({ method, path, status, contentType: headers['content-type'] ?? '', text: text ?? '' }),
    );
  };
  const reset = (): void => {
    const maps = [
      catalog.teams,
      catalog.schedules,
      catalog.instants,
      catalog.notes,
      secrets.values,
      runs.runs,
      runs.deployments,
      idempotency.reserved,
    ];
    for (const map of maps) map.clear();
    catalog.revisions.length = 0;
    queue.isDown = false;
    queue.offered.length = 0;
    recorded.length = 0;
    logger.entries.length = 0;
  };
  return {
    app,
    reset,
    server,
    clock,
    catalog,
    runs,
    access,
    sessions,
    secrets,
    overview,
    usage,
    idempotency,
    hosts,
    hostImages,
    hostRuns,
    queue,
    logger,
    artifacts,
    recorded,
    call,
  };
}

/** The smallest team that is valid under the docker runtime. */
export function aTeam(agent: Readonly<Record<string, unknown>> = {}) {
  return {
    name: 'Marketing team',
    agents: [{ name: 'lead', role: 'leader', protocol: 'acp', image: 'agent:1', ...agent }],
  };
}

/** The smallest schedule that is valid. */
export function aSchedule(teamId: string, fields: Readonly<Record<string, unknown>> = {}) {
  return { teamId, name: 'Report', prompt: 'Write a report.', cron: '0 9 * * 1-5', ...fields };
}

/** An id that has the right form and belongs to nothing. */
export const NO_ID = '0198c0de-0000-7000-8000-00000000dead';
