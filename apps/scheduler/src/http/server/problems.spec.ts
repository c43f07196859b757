import request from 'supertest';
import { AppError } from '@crewtab/domain/errors';
import { aTeam, KEYS, startHttp, type HttpFixture } from '../http-fixture';
import { MAX_BODY_BYTES } from './json-body';

const TEAMS = '/api/v1/teams';

let http: HttpFixture;
beforeEach(async () => (http = await startHttp()));
afterEach(() => http.app.close());

const post = (body: string | Buffer, type = 'application/json') =>
  http.call('post', TEAMS).set('Content-Type', type).send(body);

describe('authentication', () => {
  it.each([
    ['no header', undefined],
    ['another scheme', `Basic ${Buffer.from(`x:${KEYS.admin}`).toString('base64')}`],
    ['an unknown key', 'Bearer ctk_unknown'],
    ['an empty key', 'Bearer '],
    ['two words', `Bearer ${KEYS.admin} ${KEYS.admin}`],
    ['an endless key', `Bearer ${'x'.repeat(5_000)}`],
  ])('answers %s with 401, whatever the path', async (_, header) => {
    for (const path of [TEAMS, '/api/v1/nowhere']) {
      const asked = request(http.server).get(path);
      const answer = await (header === undefined ? asked : asked.set('Authorization', header)).expect(401);
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer /);
      expect(answer.body).toMatchObject({ status: 401, code: 'unauthorized' });
    }
  });

  it('is asked before a body is read', async () => {
    await request(http.server).post(TEAMS).set('Content-Type', 'application/json').send('{broken').expect(401);
  });

  it('takes the scheme in any case', async () => {
    await request(http.server).get(TEAMS).set('Authorization', `bearer ${KEYS.admin}`).expect(200);
  });
});

describe('bodies', () => {
  it.each([
    '{',
    '{"name": }',
    '{"name": "x"',
    "{'name': 'x'}",
    '\u0000',
    '{"__proto__": {}}',
    '{"agents": [{"env": {"__proto__": "x"}}]}',
  ])('refuses the malformed JSON %j', async (body) => {
    const answer = await post(body).expect(400);
    expect(answer.body).toMatchObject({ code: 'invalid_request', errors: [{ path: '' }] });
  });

  it('takes a body of exactly the limit and refuses one byte more', async () => {
    const team = JSON.stringify(aTeam());
    await post(team.padEnd(MAX_BODY_BYTES)).expect(201);
    const answer = await post(team.padEnd(MAX_BODY_BYTES + 1)).expect(413);
    expect(answer.body).toMatchObject({ status: 413, code: 'payload_too_large' });
    expect(http.catalog.teams.size).toBe(1);
  });

  it('refuses types other than JSON', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml']) {
      expect((await post('name=x', type).expect(415)).body).toMatchObject({ code: 'unsupported_media_type' });
    }
    expect((await post('{}', 'application/json; charset=latin1').expect(415)).body).toMatchObject({
      code: 'unsupported_media_type',
    });
    const encoded = http
      .call('post', TEAMS)
      .set('Content-Type', 'application/json')
      .set('Content-Encoding', 'rot13')
      .send('{}');
    expect((await encoded.expect(415)).body).toMatchObject({ code: 'unsupported_media_type' });
  });

  it('says that a body is needed where one is', async () => {
    expect((await http.call('post', TEAMS).expect(400)).body).toMatchObject({
      errors: [{ path: '', message: 'is required' }],
    });
  });
});

describe('routes', () => {
  it('answers unknown paths with 404', async () => {
    for (const path of ['/api/v1/nowhere', '/api/v1/teams/a/b/c', '/nowhere', '/api']) {
      const answer = await http.call('get', path).expect(404);
      expect(answer.headers['content-type']).toContain('application/problem+json');
      expect(answer.body).toMatchObject({ status: 404, code: 'not_found', type: 'urn:crewtab:error:not_found' });
    }
  });

  it('answers a method that a path does not know with 405 and those that it does', async () => {
    const answer = await http.call('put', TEAMS).expect(405);
    expect(answer.headers.allow).toBe('POST, GET, HEAD');
    expect(answer.body).toMatchObject({ status: 405, code: 'method_not_allowed' });
    await http.call('post', '/api/v1/runs').expect(405);
    await http.call('delete', '/healthz').expect(405);
  });

  it('answers broken percent-encoding with 400', async () => {
    await http.call('get', `${TEAMS}/%zz`).expect(400);
  });

  it('allows no other site to read (no CORS)', async () => {
    const answer = await http.call('get', TEAMS).set('Origin', 'https://elsewhere.example');
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });
});

describe('every answer', () => {
  it('has a request id: the caller’s own, or a new one', async () => {
    expect((await http.call('get', TEAMS).set('X-Request-Id', 'abc-123')).headers['x-request-id']).toBe('abc-123');
    const made = await http.call('get', '/api/v1/nowhere').set('X-Request-Id', 'a b<script>').expect(404);
    expect(made.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect((made.body as { requestId: string }).requestId).toBe(made.headers['x-request-id']);
  });

  it('has headers that keep browsers safe, and names no framework', async () => {
    const { headers } = await http.call('get', TEAMS);
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['content-security-policy']).toContain("default-src 'self'");
    expect(headers['x-powered-by']).toBeUndefined();
  });

  it('is noted in log and metrics, by route, without query or body', async () => {
    await http.call('get', `${TEAMS}/017f22e2-79b0-7cc3-98c4-dc0c0c07398f?x=geheim`);
    const metrics = await request(http.server).get('/metrics').expect(200);
    expect(metrics.text).toContain('route="/api/v1/teams/:id"');
    const entry = http.logger.entries.find(({ message }) => message === 'request answered');
    expect(entry?.fields).toMatchObject({
      method: 'GET',
      path: `${TEAMS}/017f22e2-79b0-7cc3-98c4-dc0c0c07398f`,
      status: 404,
    });
    expect(JSON.stringify(http.logger.entries)).not.toContain('geheim');
  });
});

describe('faults', () => {
  it('says 503 and when to come back if the database does not answer', async () => {
    jest
      .spyOn(http.catalog, 'listTeams')
      .mockRejectedValue(new AppError('store_unreachable', 'connect ECONNREFUSED 10.0.0.5', { retryable: true }));
    const answer = await http.call('get', TEAMS).expect(503);
    expect(answer.headers['retry-after']).toBe('2');
    expect(answer.body).toMatchObject({ code: 'store_unreachable' });
    expect(JSON.stringify(answer.body)).not.toContain('10.0.0.5');
    expect(http.logger.messages('warn')).toEqual(['could not answer a request: a service is missing']);
  });

  it('says 500 without any detail, and logs it once under the request id', async () => {
    jest.spyOn(http.catalog, 'listTeams').mockRejectedValue(new TypeError('password=geheim'));
    const answer = await http.call('get', TEAMS).set('X-Request-Id', 'r-1').expect(500);
    expect(answer.body).toMatchObject({ code: 'internal', requestId: 'r-1' });
    expect(JSON.stringify(answer.body)).not.toContain('geheim');
    const errors = http.logger.entries.filter(({ level }) => level === 'error');
    expect(errors).toHaveLength(1);
    expect(errors[0]?.fields).toMatchObject({ requestId: 'r-1', status: 500 });
  });
});
