import type { IncomingMessage } from 'node:http';
import fc from 'fast-check';
import type { z } from 'zod';
import { allRoutes } from '@crewtab/api-contract/all-routes';
import type { Route } from '@crewtab/api-contract/route';
import { aSchedule, aTeam } from '../../../apps/scheduler/src/http/http-fixture';
import { startRest, type RestFixture } from './rest-fixture';

let rest: RestFixture;
/** What each `{id}` may be beside the extremes: ids that exist, so that a field's value gets as far as the database. */
let present: Readonly<Record<string, string>>;

beforeAll(async () => (rest = await startRest()));
afterAll(() => rest.dispose());
beforeEach(async () => {
  const make = async (path: string, body: object): Promise<string> =>
    ((await rest.http.call('post', `/api/v1${path}`).send(body)).body as { id: string }).id;
  const teams = await make('/teams', aTeam());
  const schedules = await make('/schedules', aSchedule(teams));
  // Finished, so that its live view has an end.
  const runs = await make(`/schedules/${schedules}/trigger`, {});
  await rest.http.call('post', `/api/v1/runs/${runs}/cancel`).expect(202);
  present = { teams, schedules, runs };
});

const base64url = (text: string): string => Buffer.from(text).toString('base64url');

/** Values at and beyond the bounds of Postgres's and JavaScript's types, and text that parsers stumble over. */
const EXTREMES = [
  ...['0', '-1', '2147483647', '2147483648', '4294967296', '9007199254740993', '9'.repeat(15), '9'.repeat(400)],
  ...['1e9', '1.5', '0x10', 'NaN', 'Infinity', '-0', '١', '', ' ', '%', '\0', '\ud800', '😀', "'; --", '__proto__'],
  ...['0000-01-01T00:00:00Z', '0001-01-01T00:00:00+23:59', '9999-12-31T23:59:59.999-23:59', '+275760-09-13T00:00:00Z'],
  ...['-271821-04-20T00:00:00Z', '1970-01-01T00:00:00.000000000000001Z', '2026-02-30T00:00:00Z', 'infinity', 'now'],
  ...['2147483648.end', '1.end', '* * * * *', '0 0 29 2 1', '@yearly', 'Europe/Berlin', '+99:99', 'Etc/GMT+12'],
  ...['00000000-0000-0000-0000-000000000000', 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF', '..', '.', '%00'],
];
const CURSORS = [
  '8.64e15',
  '8640000000000000',
  String(Date.UTC(270_000)),
  '253402300800000',
  '9404640000000000',
  '-62198755200000',
  '1e400',
  '',
].map((millis) => base64url(`${millis}~01890000-0000-7000-8000-00000000abcd`));

const values = fc.oneof(
  fc.constantFrom(...EXTREMES, ...CURSORS),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
);

/** A header cannot hold everything; what it cannot hold never leaves a client. */
const sendable = (value: string): string => value.replace(/[^\x21-\x7e]/g, '~') || '~';

/** A live view may have no end: once its head is here, it is left. A refusal is read whole. `text` is where superagent looks for it. */
function untilItStreams(response: unknown, done: (error: Error | null, body: unknown) => void): void {
  const incoming = response as IncomingMessage & { text: string };
  incoming.text = '';
  if (incoming.statusCode === 200) {
    done(null, null);
    return void incoming.destroy();
  }
  incoming.setEncoding('utf8');
  incoming.on('data', (chunk: string) => (incoming.text += chunk));
  incoming.on('end', () => done(null, incoming.text === '' ? {} : JSON.parse(incoming.text)));
}

/** Every place of a route where a request may hold a value. */
function fieldsOf({ method, params = {}, query, headers }: Route) {
  return [
    ...Object.keys(params).map((name) => ({ place: 'path', name })),
    ...Object.keys((query as z.ZodObject | undefined)?.shape ?? {}).map((name) => ({ place: 'query', name })),
    ...Object.keys(headers?.shape ?? {}).map((name) => ({ place: 'header', name })),
    ...(method === 'post' ? [{ place: 'header', name: 'Idempotency-Key' }] : []),
  ];
}

const fields = (allRoutes as readonly Route[]).flatMap((route) =>
  fieldsOf(route).map((field) => ({ ...field, route, title: `${route.method} ${route.path}` })),
);

it.each(fields)('$title takes or refuses whatever $name in its $place holds', async ({ route, place, name }) => {
  const known = present[route.path.split('/')[3] ?? ''] ?? 'x';
  await fc.assert(
    fc.asyncProperty(values, async (value) => {
      const path = route.path.replace(/:\w+/, place === 'path' ? encodeURIComponent(value.toWellFormed()) : known);
      const needed: Record<string, string> = route.operationId === 'previewCron' ? { cron: '@daily' } : {};
      const search = place === 'query' ? `?${new URLSearchParams({ ...needed, [name]: value }).toString()}` : '';
      const call = rest.http.call(route.method, `${path}${search}`);
      if (place === 'header') void call.set(name, sendable(value));
      if (route.answer.events) void call.buffer(true).parse(untilItStreams);
      const { status, body } = (await call) as { status: number; body: unknown };
      expect(status).toBeLessThan(500);
      if (status === 400) expect(body).toMatchObject({ code: 'invalid_request', errors: expect.any(Array) });
    }),
    { numRuns: EXTREMES.length + CURSORS.length + 15, examples: [...EXTREMES, ...CURSORS].map((value) => [value]) },
  );
});

const FAR = base64url(`${Date.UTC(270_000)}~01890000-0000-7000-8000-00000000abcd`);

it.each([
  ['/runs?limit=1e9', 'limit'],
  [`/runs?cursor=${FAR}`, 'cursor'],
  ['/runs?since=%2B275760-09-13T00:00:00Z', 'since'],
  ['/schedules/:schedules/runs?until=0000-12-31T23:59:59Z', 'until'],
  [`/schedules/:schedules/runs?cursor=${FAR}`, 'cursor'],
  [`/teams?cursor=${FAR}`, 'cursor'],
  ['/runs/:runs/messages?after=2147483648', 'after'],
  ['/runs/:runs/messages?cursor=2147483648', 'cursor'],
  ['/runs/:runs/events?after=2147483648', 'after'],
])('%s is refused at its field %s', async (path, field) => {
  const filled = path.replace(/:(\w+)(?=\/)/, (_, name: string) => present[name] ?? '');
  const { body } = await rest.http.call('get', `/api/v1${filled}`).expect(400);
  expect(body).toMatchObject({ code: 'invalid_request', errors: [{ path: field }] });
});

it('the last seq that there can be is taken', async () => {
  await rest.http.call('get', `/api/v1/runs/${present.runs}/messages?after=2147483647`).expect(200);
  const live = rest.http.call('get', `/api/v1/runs/${present.runs}/events`);
  await live.set('Last-Event-ID', '2147483647').expect(200);
});
