import request, { type Response } from 'supertest';
import { hashApiKey } from '../access/api-key';
import { KEYS, NO_ID, ORGANIZATION, SETTINGS, startHttp, type HttpFixture } from '../http-fixture';

const SESSION = '/api/v1/session';

let http: HttpFixture;
beforeEach(async () => (http = await startHttp()));
afterEach(() => http.app.close());

/** A browser that has logged in. */
interface Browser {
  readonly cookie: string;
  readonly csrfToken: string;
  readonly id: string;
}

async function logIn(credentials: object = { apiKey: KEYS.member }): Promise<Browser> {
  const answer = await http.call('post', SESSION, null).set('User-Agent', 'Firefox/1').send(credentials).expect(200);
  const { csrfToken, session } = answer.body as { csrfToken: string; session: { id: string } };
  return { cookie: cookieOf(answer), csrfToken, id: session.id };
}

function cookieOf(answer: Response): string {
  return setCookie(answer).split(';')[0] ?? '';
}

function setCookie(answer: Response): string {
  // Typed as one text; it is a list.
  return (answer.headers['set-cookie'] as unknown as string[] | undefined)?.[0] ?? '';
}

const ask = ({ cookie }: Browser, path = SESSION) => http.call('get', path, null).set('Cookie', cookie);
const change = (method: 'post' | 'delete', path: string, { cookie, csrfToken }: Browser) =>
  http.call(method, path, null).set('Cookie', cookie).set('X-CSRF-Token', csrfToken);

describe('a log-in', () => {
  it('sets a cookie that scripts and other sites cannot use, and whose name has the port', async () => {
    const post = request(http.server).post(SESSION).set('Host', 'localhost:4711').send({ apiKey: KEYS.member });
    const attributes = setCookie(await post.expect(200)).split('; ');
    expect(attributes[0]).toMatch(/^crewtab_session_4711=[\w-]{43}$/);
    expect(attributes).toEqual(expect.arrayContaining(['Path=/', 'HttpOnly', 'SameSite=Strict']));
    expect(attributes).not.toContain('Secure');
  });

  it.each([
    [['loopback'], '10.0.0.1', /^__Host-crewtab_session_443=.*; Secure/],
    [['loopback'], undefined, /^__Host-crewtab_session_443=.*; Secure/],
    [[], undefined, /^crewtab_session_80=(?!.*Secure)/],
    [['10.9.9.9'], '10.9.9.9', /^crewtab_session_80=(?!.*Secure)/],
  ])('has a secure cookie behind TLS, if the proxy is trusted: %j', async (trustedProxies, client, expected) => {
    await http.app.close();
    http = await startHttp({ protection: { trustedProxies } });
    const answer = await http
      .call('post', SESSION, null)
      .set('Host', 'crewtab.example')
      .set('X-Forwarded-Proto', 'https')
      .set(client === undefined ? {} : { 'X-Forwarded-For': client })
      .send({ apiKey: KEYS.member })
      .expect(200);
    expect(setCookie(answer)).toMatch(expected);
  });

  it('says who is logged in and what they may do', async () => {
    const member = await ask(await logIn()).expect(200);
    expect(member.body).toMatchObject({ role: 'member', session: { client: 'Firefox/1', isCurrent: true } });
    const { capabilities } = member.body as { capabilities: string[] };
    expect(capabilities).toContain('listRuns');
    expect(capabilities).not.toContain('getSystem');
    const admin = await ask(await logIn({ apiKey: KEYS.admin })).expect(200);
    expect((admin.body as { capabilities: string[] }).capabilities).toContain('getSystem');
  });

  it.each([{ apiKey: 'ctk_unknown' }, { code: 'unknown' }])('is refused for %j', async (credentials) => {
    const answer = await http.call('post', SESSION, null).send(credentials).expect(401);
    expect(setCookie(answer)).toBe('');
  });

  it.each([{}, { apiKey: 'a', code: 'b' }, { apiKey: 5 }, { apiKey: KEYS.admin, role: 'admin' }])(
    'refuses %j as invalid',
    async (credentials) => {
      await http.call('post', SESSION, null).send(credentials).expect(400);
    },
  );

  it('works once with a code, within ten minutes', async () => {
    const makeCode = async () =>
      ((await http.call('post', `${SESSION}/codes`, KEYS.member).expect(201)).body as { code: string }).code;
    const code = await makeCode();
    expect((await ask(await logIn({ code })).expect(200)).body).toMatchObject({ role: 'member' });
    await http.call('post', SESSION, null).send({ code }).expect(401);
    const late = await makeCode();
    await http.clock.advance(10 * 60_000);
    await http.call('post', SESSION, null).send({ code: late }).expect(401);
  });
});

describe('a session', () => {
  it('counts as its key', async () => {
    const browser = await logIn();
    await ask(browser, '/api/v1/runs').expect(200);
    await ask(browser, '/api/v1/system').expect(403);
    const run = http.runs.addRun({ organizationId: ORGANIZATION, status: 'queued', phase: 'queued' });
    await change('post', `/api/v1/runs/${run.id}/cancel`, browser).expect(202);
  });

  it('changes nothing without its token, with the token of another, or as another site', async () => {
    const [browser, other] = [await logIn(), await logIn()];
    const path = `/api/v1/runs/${NO_ID}/cancel`;
    for (const csrfToken of ['', 'x', other.csrfToken]) {
      const { body } = await change('post', path, { ...browser, csrfToken }).expect(403);
      expect(body).toMatchObject({ code: 'forbidden' });
    }
    await change('post', path, browser).expect(404);
  });

  it('gives way to a key that is sent', async () => {
    const browser = await logIn();
    const answer = await http.call('get', SESSION, KEYS.admin).set('Cookie', browser.cookie).expect(200);
    expect(answer.body).toMatchObject({ role: 'admin', session: null, csrfToken: null });
    await http.call('get', SESSION, 'ctk_unknown').set('Cookie', browser.cookie).expect(401);
  });

  it('ends when it is idle, and at its limit', async () => {
    const idle = await logIn();
    await http.clock.advance(SETTINGS.sessionIdleMs);
    expect((await ask(idle).expect(401)).body).toMatchObject({ code: 'unauthorized' });
    const used = await logIn();
    const steps = (2 * SETTINGS.sessionLimitMs) / SETTINGS.sessionIdleMs;
    for (let step = 1; step < steps; step++) {
      await http.clock.advance(SETTINGS.sessionIdleMs / 2);
      await ask(used).expect(200);
    }
    await http.clock.advance(SETTINGS.sessionIdleMs / 2);
    await ask(used).expect(401);
  });

  it('ends with its key', async () => {
    const browser = await logIn();
    http.access.keys.delete(hashApiKey(KEYS.member));
    await ask(browser).expect(401);
  });

  it.each(['crewtab_session_80=short', 'crewtab_session_80', '=', 'other=1', '%=;;;'])(
    'is none with the cookie %s',
    async (cookie) => {
      await http.call('get', SESSION, null).set('Host', 'localhost').set('Cookie', cookie).expect(401);
    },
  );

  it('opens the queues for an admin', async () => {
    const admin = await logIn({ apiKey: KEYS.admin });
    await request(http.server).get('/queues').set('Cookie', admin.cookie).expect(200);
    await request(http.server)
      .get('/queues')
      .set('Cookie', (await logIn()).cookie)
      .expect(403);
  });
});

describe('a log-out', () => {
  it('ends this session, and takes its cookie away', async () => {
    const [browser, other] = [await logIn(), await logIn()];
    const answer = await change('delete', SESSION, browser).expect(204);
    expect(setCookie(answer)).toMatch(/^crewtab_session_\d+=; .*Expires=Thu, 01 Jan 1970/);
    await ask(browser).expect(401);
    await ask(other).expect(200);
  });

  it('ends another one, or all of the key', async () => {
    const [browser, other] = [await logIn(), await logIn()];
    const stranger = await logIn({ apiKey: KEYS.admin });
    const { items } = (await ask(browser, '/api/v1/sessions').expect(200)).body as { items: { isCurrent: boolean }[] };
    expect(items.map(({ isCurrent }) => isCurrent)).toEqual([false, true]);
    await change('delete', `/api/v1/sessions/${stranger.id}`, browser).expect(404);
    await change('delete', `/api/v1/sessions/${other.id}`, browser).expect(204);
    await ask(other).expect(401);
    const third = await logIn();
    await change('delete', '/api/v1/sessions', browser).expect(204);
    for (const ended of [browser, third]) await ask(ended).expect(401);
    await ask(stranger).expect(200);
  });
});
