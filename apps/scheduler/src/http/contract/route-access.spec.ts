import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { allRoutes } from '@crewtab/api-contract/all-routes';
import { accessOf, renderRoutesPage, type RouteAccess } from '@crewtab/api-contract/route-access';
import type { Route } from '@crewtab/api-contract/route';
import { hashApiKey } from '../access/api-key';
import { aSchedule, aTeam, KEYS, NO_ID, ORGANIZATION, startHttp, type HttpFixture } from '../http-fixture';

const KEY_OF: Readonly<Record<keyof RouteAccess, string | null>> = {
  none: null,
  member: KEYS.member,
  admin: KEYS.admin,
  other: KEYS.other,
};

let http: HttpFixture;
beforeAll(async () => (http = await startHttp()));
afterAll(() => http.app.close());

async function make(path: string, body: object, key: string = KEYS.admin): Promise<string> {
  const { body: made } = await http.call('post', `/api/v1${path}`, key).send(body);
  return (made as { id: string }).id;
}

/** One of each resource, all of the first organization, the session of the asking key; no schedule uses the team. By the names that paths' parameters have. */
async function makeResources(key: string | null): Promise<Readonly<Record<string, string>>> {
  http.reset();
  const team = await make('/teams', aTeam());
  const schedule = await make('/schedules', aSchedule(await make('/teams', aTeam())));
  const run = await make(`/schedules/${schedule}/trigger`, {});
  http.runs.say(run, { kind: 'agent_message', content: { text: 'words' } });
  const deployment = { id: NO_ID, runId: run, teamId: team, name: 'd', host: 'h', runtime: 'docker', agents: [] };
  const instants = { createdAt: new Date(0), removedAt: null };
  http.runs.deployments.set(NO_ID, { ...deployment, ...instants, organizationId: ORGANIZATION });
  const { keyId } = http.access.keys.get(hashApiKey(key === KEYS.member ? key : KEYS.admin)) ?? { keyId: '' };
  const hash = { tokenHash: 'hash', client: 'browser', limitMs: 60_000 };
  const session = await http.sessions.createSession({ keyId, ...hash });
  await http.secrets.putSecret(ORGANIZATION, 'github', 'of sixteen chars', false);
  await keepArtifact(run, 'report.md');
  return {
    team,
    schedule,
    run,
    secret: 'github',
    message: '1',
    session: session.id,
    deployment: NO_ID,
    host: 'host-1',
    preset: 'coder',
    artifact: 'report.md',
  };
}

async function keepArtifact(run: string, path: string): Promise<void> {
  const words = (async function* () {
    await Promise.resolve();
    yield Buffer.from('words');
  })();
  const stored = await http.artifacts.store.put(path, words);
  http.artifacts.index.keep(ORGANIZATION, run, [{ path, key: path, contentType: 'text/markdown', ...stored }]);
}

/** Two hosts: the worker of `host-1` sent a heartbeat and then no more. */
async function loseHost(): Promise<void> {
  await sendHeartbeat(1);
  await http.clock.advance(60_000);
  await sendHeartbeat(2);
}

async function sendHeartbeat(at: number): Promise<void> {
  await http.hosts.noteWorker({
    id: `worker-${at}`,
    host: { id: `host-${at}`, runtime: 'docker', description: 'Docker' },
    ...{ hostname: 'machine', pid: 1, version: '1', capacity: 1, heldRuns: 0, adoptedRuns: 0, refusal: null },
    reaper: { lastIterationAgoMs: null, reapedRuns: 0, unremovedResources: 0, error: null },
  });
}

/** Of a stream that has no end, or none while the clock stands still. */
async function statusOfStream(path: string, key: string | null): Promise<number> {
  const { port } = http.server.address() as AddressInfo;
  const headers: Record<string, string> = key === null ? {} : { Authorization: `Bearer ${key}` };
  const { status, body } = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
  await body?.cancel();
  return status;
}

/** What routes need beside their path. */
const SEARCHES: Readonly<Record<string, string>> = {
  previewCron: '?cron=@daily',
  search: '?q=report',
  searchMessages: '?q=report',
  getTimeline: '?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z',
};

async function ask(route: Route, key: string | null): Promise<number> {
  const ids = await makeResources(key);
  // Its live view has an end, and the end can be acknowledged.
  if (route.answer.events ?? route.operationId === 'acknowledgeRun')
    await http.call('post', `/api/v1/runs/${ids.run}/cancel`).expect(202);
  const path = route.path.replace(/:(\w+)/g, (_, name: string) => ids[route.params?.[name]?.resource ?? ''] ?? '');
  const search = SEARCHES[route.operationId] ?? '';
  const isOfTeam = route.operationId === 'createSchedule';
  const body = route.opensSession
    ? { apiKey: KEYS.member }
    : isOfTeam
      ? aSchedule(await make('/teams', aTeam(), teamOwner(key)))
      : (route.body?.example as object | undefined);
  if (['streamEvents', 'streamPresetImage'].includes(route.operationId)) return statusOfStream(path, key);
  const request = http.call(route.method, `${path}${search}`, key);
  const { status } = await (body === undefined ? request : request.send(body));
  return status;
}

function teamOwner(key: string | null): string {
  return key === KEYS.other ? KEYS.other : KEYS.admin;
}

const cells = (allRoutes as readonly Route[]).flatMap((route) =>
  (Object.keys(KEY_OF) as (keyof RouteAccess)[]).map((key) => ({
    route,
    key,
    name: route.operationId,
    status: accessOf(route)[key],
  })),
);

it.each(cells)('$name is answered with $status for the key: $key', async ({ route, key, status }) => {
  await loseHost();
  expect(await ask(route, KEY_OF[key])).toBe(status);
});

it('docs/api-routes.md is what the contract says (npm run api:routes writes it)', () => {
  expect(readFileSync('docs/api-routes.md', 'utf8')).toBe(renderRoutesPage(allRoutes));
});
