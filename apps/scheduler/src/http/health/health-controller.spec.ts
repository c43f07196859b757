import request from 'supertest';
import { startHttp, type HttpFixture } from '../http-fixture';
import type { ReadinessCheck } from '../http-deps';

const FAILED = "failed; the scheduler's log says why";

let http: HttpFixture;
afterEach(() => http.app.close());

const start = async (...checks: ReadinessCheck[]) => (http = await startHttp({ readiness: checks }));
const good: ReadinessCheck = { name: 'postgres', check: () => Promise.resolve(null) };

it('lives without a key and without looking at anything', async () => {
  await start({ name: 'redis', check: () => Promise.reject(new Error('down')) });
  const answer = await request(http.server).get('/healthz').expect(200);
  expect(answer.body).toEqual({ status: 'ok', version: '1.2.3-test' });
  expect(answer.headers['cache-control']).toBe('no-store');
});

it('is ready when every check is well', async () => {
  await start(good);
  const answer = await request(http.server).get('/readyz').expect(200);
  expect(answer.body).toEqual({ status: 'ok', checks: { postgres: 'ok' } });
});

it('says which check failed, and shows strangers no words of a driver, which the log has', async () => {
  const throws = (): never => {
    throw new Error('thrown at once');
  };
  await start(
    good,
    { name: 'redis', check: () => Promise.reject(new Error('connect ECONNREFUSED 10.0.0.7:6379')) },
    { name: 'job-schedulers', check: () => Promise.resolve('2 are missing') },
    { name: 'other', check: throws },
  );
  const answer = await request(http.server)
    .get('/readyz')
    .expect(503)
    .expect('Content-Type', /application\/problem\+json/);
  expect(answer.body).toMatchObject({
    code: 'not_ready',
    detail: 'not ready: redis, job-schedulers, other',
    checks: { postgres: 'ok', redis: FAILED, 'job-schedulers': '2 are missing', other: FAILED },
  });
  expect(answer.text).not.toMatch(/10\.0\.0\.7|ECONNREFUSED|thrown/);
  await request(http.server).get('/readyz').expect(503);
  const logged = http.logger.entries.filter(({ message }) => message === 'not ready: a check failed');
  expect(logged.map(({ fields }) => [fields['check'], String(fields['error'])]).sort()).toEqual([
    ['other', 'Error: thrown at once'],
    ['redis', 'Error: connect ECONNREFUSED 10.0.0.7:6379'],
  ]);
});

it('asks its checks once for all that ask at the same moment', async () => {
  let asked = 0;
  await start({
    name: 'postgres',
    check: () => new Promise((resolve) => setTimeout(() => resolve((asked++, null)), 50)),
  });
  const answers = await Promise.all(Array.from({ length: 20 }, () => request(http.server).get('/readyz')));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(asked).toBeLessThan(5);
});

it('does not wait for a check that hangs', async () => {
  let isAsked = false;
  await start({ name: 'redis', check: () => new Promise(() => (isAsked = true)) });
  const answer = request(http.server)
    .get('/readyz')
    .then((done) => done);
  while (!isAsked) await new Promise((resolve) => setImmediate(resolve));
  await http.clock.advance(2_000);
  expect(await answer).toMatchObject({ status: 503, body: { checks: { redis: 'did not answer within 2 s' } } });
});

it('answers /metrics with the metrics of the process, as text', async () => {
  await start();
  const answer = await request(http.server).get('/metrics').expect(200);
  expect(answer.headers['content-type']).toContain('text/plain');
  expect(answer.text).toContain('process_cpu_seconds_total');
});
