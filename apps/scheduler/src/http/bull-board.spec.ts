import request from 'supertest';
import { KEYS, startHttp, type HttpFixture } from './http-fixture';

const basic = (password: string, user = 'me') => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

let http: HttpFixture;
afterEach(() => http.app.close());

describe('/queues', () => {
  beforeEach(async () => (http = await startHttp()));

  const open = (authorization?: string, path = '/queues') => {
    const asked = request(http.server).get(path);
    return authorization === undefined ? asked : asked.set('Authorization', authorization);
  };

  it.each([
    ['a request without a key', undefined],
    ['an unknown key', basic('ctk_unknown')],
    ['a password without a user', `Basic ${Buffer.from(KEYS.admin).toString('base64')}`],
    ['nonsense', 'Basic !!!'],
  ])('lets a browser ask %s for a login', async (_, authorization) => {
    for (const path of ['/queues', '/queues/api/queues', '/queues/static/js/main.js']) {
      const answer = await open(authorization, path).expect(401);
      expect(answer.headers['www-authenticate']).toMatch(/^Basic realm=/);
    }
  });

  it('is for admins only', async () => {
    expect((await open(basic(KEYS.member)).expect(403)).body).toMatchObject({ code: 'forbidden' });
  });

  it.each([basic(KEYS.admin), basic(KEYS.admin, ''), `Bearer ${KEYS.admin}`])(
    'opens for an admin (%#)',
    async (authorization) => {
      const page = await open(authorization).expect(200);
      expect(page.text).toContain('Crewtab queues');
      expect((await open(authorization, '/queues/api/queues').expect(200)).body).toMatchObject({ queues: [] });
    },
  );

  it('refuses every change', async () => {
    const answer = await request(http.server)
      .put('/queues/api/queues/runs/clean/completed')
      .set('Authorization', basic(KEYS.admin))
      .expect(403);
    expect(answer.body).toMatchObject({ code: 'forbidden' });
  });
});

describe('/queues, writable', () => {
  beforeEach(async () => (http = await startHttp({ settings: { isBullBoardWritable: true } })));

  const change = (headers: Readonly<Record<string, string>>) =>
    request(http.server).put('/queues/api/queues/runs/pause').set('Authorization', basic(KEYS.admin)).set(headers);

  it.each([
    [{ 'Sec-Fetch-Site': 'cross-site' }],
    [{ 'Sec-Fetch-Site': 'same-site' }],
    [{ Origin: 'https://elsewhere.example' }],
    [{ Origin: 'null' }],
  ])('refuses what another site asks for: %j', async (headers) => {
    await change(headers).expect(403);
  });

  it.each([[{ 'Sec-Fetch-Site': 'same-origin' }], [{}], [{ Origin: 'http://crewtab.test', Host: 'crewtab.test' }]])(
    'lets its own page change the queues: %j',
    async (headers) => {
      // Bull Board's own 404: there is no such queue here.
      await change(headers as Record<string, string>).expect(404);
    },
  );
});
