import type { AddressInfo } from 'node:net';
import request from 'supertest';
import { ORGANIZATION, KEYS, startHttp, type HttpFixture } from '../http-fixture';
import type { HttpProtection } from '../http-deps';

const V1 = '/api/v1';
const LIMITS = { requests: 10_000, failures: 1_000, streams: 1_000, addressStreams: 1_000 };

let http: HttpFixture;
afterEach(() => http.app.close());

const start = async (protection: Partial<HttpProtection>) => (http = await startHttp({ protection }));
const guess = (n: number, headers: Readonly<Record<string, string>> = {}) =>
  request(http.server)
    .get(`${V1}/teams`)
    .set({ Authorization: `Bearer guess-${n}`, ...headers });

/** With the usual body, and the time to wait. */
function expectRateLimited(answer: request.Response): void {
  expect(answer.status).toBe(429);
  expect(answer.headers['content-type']).toContain('application/problem+json');
  expect(answer.body).toMatchObject({ status: 429, code: 'rate_limited', requestId: expect.any(String) as string });
  expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/);
}

describe('650 bad keys a second', () => {
  it('cost no query each, and lock no key out that is in use', async () => {
    await start({ limits: { ...LIMITS, failures: 5 } });
    await http.call('get', `${V1}/teams`).expect(200);
    const before = http.access.lookUps;
    const answers = await Promise.all(Array.from({ length: 650 }, (_, n) => guess(n)));
    expect(http.access.lookUps - before).toBe(5);
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(5);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(645);
    expectRateLimited(refused[0] as request.Response);
    await http.clock.advance(10_000);
    await http.call('get', `${V1}/teams`).expect(200);
    expect((await request(http.server).get('/queues').auth('me', 'guess')).status).toBe(429);
  });

  it('count for the client that a trusted proxy names, and for the proxy itself when it is not trusted', async () => {
    await start({ limits: { ...LIMITS, failures: 1 }, trustedProxies: ['loopback'] });
    await guess(1, { 'X-Forwarded-For': '10.0.0.1' }).expect(401);
    expectRateLimited(await guess(2, { 'X-Forwarded-For': '10.0.0.1' }));
    await guess(3, { 'X-Forwarded-For': '10.0.0.2' }).expect(401);
    // What the client itself wrote in front is not believed.
    expectRateLimited(await guess(4, { 'X-Forwarded-For': '10.9.9.9, 10.0.0.1' }));
    await http.app.close();

    await start({ limits: { ...LIMITS, failures: 1 } });
    await guess(1, { 'X-Forwarded-For': '10.0.0.1' }).expect(401);
    expectRateLimited(await guess(2, { 'X-Forwarded-For': '10.0.0.2' }));
    const warnings = http.logger.messages('warn').filter((line) => line.includes('TRUSTED_PROXIES'));
    expect(warnings).toHaveLength(1);
  });
});

describe('requests', () => {
  it('are limited for each key, whatever another one does from the same address', async () => {
    await start({ limits: { ...LIMITS, requests: 3 } });
    for (let n = 0; n < 3; n++) await http.call('get', `${V1}/teams`, KEYS.member).expect(200);
    expectRateLimited(await http.call('get', `${V1}/teams`, KEYS.member));
    await http.call('get', `${V1}/teams`, KEYS.admin).expect(200);
  });

  it('without a key are limited for their address; liveness and readiness are not', async () => {
    await start({ limits: { ...LIMITS, requests: 2 } });
    for (let n = 0; n < 2; n++) await http.call('get', '/metrics', null).expect(200);
    for (const path of ['/metrics', '/api/openapi.json', '/api/docs', `${V1}/teams`]) {
      expectRateLimited(await request(http.server).get(path));
    }
    for (let n = 0; n < 5; n++) {
      await request(http.server).get('/healthz').expect(200);
      await request(http.server).get('/readyz').expect(200);
    }
    await http.call('get', `${V1}/teams`).expect(200);
  });
});

describe('a browser that is logged in', () => {
  const logIn = async (key: string = KEYS.member): Promise<string> => {
    const answer = await http.call('post', `${V1}/session`, null).send({ apiKey: key }).expect(200);
    // Typed as one text; it is a list.
    return (answer.headers['set-cookie'] as unknown as string[])[0]?.split(';')[0] ?? '';
  };
  const ask = (cookie: string, path = `${V1}/teams`) => http.call('get', path, null).set('Cookie', cookie);
  const forge = (cookie: string, n: number) => `${cookie.split('=')[0]}=${String(n).padStart(43, '0')}`;

  it('shares the requests of its key, those that are refused for its token included', async () => {
    await start({ limits: { ...LIMITS, requests: 3 } });
    const cookie = await logIn();
    await ask(cookie).expect(200);
    await http.call('get', `${V1}/teams`, KEYS.member).expect(200);
    await http.call('delete', `${V1}/session`, null).set('Cookie', cookie).expect(403);
    expectRateLimited(await ask(cookie));
    expectRateLimited(await http.call('get', `${V1}/teams`, KEYS.member));
    await http.call('get', `${V1}/teams`, KEYS.admin).expect(200);
  });

  it('shares the event streams of its key', async () => {
    await start({ limits: { ...LIMITS, streams: 1 } });
    const cookie = await logIn();
    const { port } = http.server.address() as AddressInfo;
    const abort = new AbortController();
    const headers = { Authorization: `Bearer ${KEYS.member}` };
    const open = await fetch(`http://127.0.0.1:${port}${V1}/events`, { headers, signal: abort.signal });
    expect(open.status).toBe(200);
    expectRateLimited(await ask(cookie, `${V1}/events`));
    abort.abort();
  });

  it('is not locked out by what else comes from its address: keys, codes and tokens that are none', async () => {
    await start({ limits: { ...LIMITS, failures: 3 } });
    const [cookie, admin] = [await logIn(), await logIn(KEYS.admin)];
    await http.call('post', `${V1}/session`, null).send({ apiKey: 'guess' }).expect(401);
    await http.call('post', `${V1}/session`, null).send({ code: 'guess' }).expect(401);
    await ask(forge(cookie, 1)).expect(401);
    const [useSession, redeemCode] = [jest.spyOn(http.sessions, 'useSession'), jest.spyOn(http.sessions, 'redeemCode')];
    const before = http.access.lookUps;
    for (const credentials of [{ apiKey: 'another' }, { code: 'another' }])
      expectRateLimited(await http.call('post', `${V1}/session`, null).send(credentials));
    for (let n = 2; n < 20; n++) expectRateLimited(await ask(forge(cookie, n)));
    expect((await request(http.server).get('/queues').set('Cookie', forge(cookie, 20))).status).toBe(429);
    expect([useSession.mock.calls.length, redeemCode.mock.calls.length, http.access.lookUps - before]).toEqual([
      0, 0, 0,
    ]);
    await ask(cookie).expect(200);
    await request(http.server).get('/queues').set('Cookie', admin).expect(200);
  });

  it('that comes with many requests after a restart counts no failure, nor does one that logs in', async () => {
    await start({ limits: { ...LIMITS, failures: 1 } });
    const first = http;
    const cookie = await logIn();
    try {
      http = await startHttp({
        protection: { limits: { ...LIMITS, failures: 1 } },
        deps: { sessions: first.sessions, access: first.access },
      });
      const { port } = first.server.address() as AddressInfo;
      const answers = await Promise.all(Array.from({ length: 10 }, () => ask(cookie).set('Host', `127.0.0.1:${port}`)));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      for (const key of [KEYS.admin, KEYS.member, KEYS.other]) await logIn(key);
      await http.call('post', `${V1}/session`, null).send({ apiKey: 'guess' }).expect(401);
    } finally {
      await first.app.close();
    }
  });

  it('counts its log-ins for its address', async () => {
    await start({ limits: { ...LIMITS, requests: 2 } });
    await logIn();
    await http.call('post', `${V1}/session`, null).send({}).expect(400);
    expectRateLimited(await http.call('post', `${V1}/session`, null).send({ apiKey: KEYS.member }));
    await http.call('get', `${V1}/teams`, KEYS.member).expect(200);
  });
});

describe('1,000 event streams of one key', () => {
  it('are refused beyond the limit, until one is closed', async () => {
    await start({ limits: { ...LIMITS, requests: 100_000, streams: 10 } });
    const run = http.runs.addRun({ organizationId: ORGANIZATION, status: 'running', phase: 'monitoring' });
    const { port } = http.server.address() as AddressInfo;
    const open = async (path: string, key: string = KEYS.member) => {
      const abort = new AbortController();
      const headers = { Authorization: `Bearer ${key}` };
      const response = await fetch(`http://127.0.0.1:${port}${V1}${path}`, { headers, signal: abort.signal });
      // Held on to, since a response that is garbage is closed.
      return { response, status: response.status, close: () => abort.abort() };
    };
    const streams = await Promise.all(
      Array.from({ length: 1_000 }, (_, n) => open(n % 2 === 0 ? '/events' : `/runs/${run.id}/events`)),
    );
    expect(streams.filter(({ status }) => status === 200)).toHaveLength(10);
    expect(streams.filter(({ status }) => status === 429)).toHaveLength(990);
    expectRateLimited(await http.call('get', `${V1}/events`, KEYS.member));
    const others = await open('/events', KEYS.admin);
    expect(others.status).toBe(200);
    streams.find(({ status }) => status === 200)?.close();
    for (let tries = 0; tries < 100; tries++) {
      const again = await open('/events');
      streams.push(again);
      if (again.status === 200) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(streams.at(-1)?.status).toBe(200);
    for (const stream of [...streams, others]) stream.close();
  });
});

describe('40 readers of /metrics', () => {
  it('are answered from one gathering a second', async () => {
    await start({});
    let gatherings = 0;
    await http.app.close();
    http = await startHttp({
      deps: {
        metrics: {
          contentType: 'text/plain',
          text: () => Promise.resolve(`gathered ${++gatherings}`),
          httpRequest: () => undefined,
          runLost: () => undefined,
          rowsDeleted: () => undefined,
          runEvent: () => undefined,
        },
      },
    });
    const read = async () => (await http.call('get', '/metrics', null).expect(200)).text;
    expect(new Set(await Promise.all(Array.from({ length: 40 }, read)))).toEqual(new Set(['gathered 1']));
    await http.clock.advance(1_000);
    expect(await read()).toBe('gathered 2');
  });

  it('need the key where one is set; a reader without one is told of once in the log where none is', async () => {
    await start({ metricsKey: 'a-key-for-metrics' });
    const read = (authorization: string) => request(http.server).get('/metrics').set('Authorization', authorization);
    expect((await http.call('get', '/metrics', null).expect(401)).headers['www-authenticate']).toMatch(/^Bearer /);
    for (const wrong of ['Bearer another-key', 'Basic YTpi', `Bearer ${KEYS.admin}`]) await read(wrong).expect(401);
    await read('Bearer a-key-for-metrics').expect(200);
    await http.app.close();
    await start({});
    await http.call('get', '/metrics', null).expect(200);
    await http.call('get', '/metrics', null).expect(200);
    expect(http.logger.messages('warn').filter((line) => line.includes('METRICS_KEY'))).toHaveLength(1);
  });
});
