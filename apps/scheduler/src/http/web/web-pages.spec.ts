import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { startHttp, type HttpFixture } from '../http-fixture';
import { readWebFiles } from './web-files';

const HTML = '<!doctype html><title>Crewtab</title>';
const SCRIPT = 'export const name = "crewtab";\n'.repeat(100);

let folder: string;
let http: HttpFixture;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'crewtab-web-'));
  mkdirSync(join(folder, 'assets'));
  writeFileSync(join(folder, 'index.html'), HTML);
  writeFileSync(join(folder, 'assets/index-abc.js'), SCRIPT);
  http = await startHttp({ deps: { webFiles: readWebFiles(folder) } });
});
afterAll(async () => {
  await http.app.close();
  rmSync(folder, { recursive: true });
});

const open = (path: string, accept = 'text/html,application/xhtml+xml,*/*;q=0.8') =>
  request(http.server).get(path).set('Accept', accept);

it.each(['/', '/runs', '/runs/0198c0de-0000-7000-8000-000000000001?tab=facts', '/index.html'])(
  'answers %s with the page',
  async (path) => {
    const answer = await open(path).expect(200);
    expect(answer.text).toBe(HTML);
    expect(answer.headers['cache-control']).toBe('no-cache');
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
  },
);

it('allows the page nothing from elsewhere and nothing inline', async () => {
  const { headers } = await open('/').expect(200);
  expect(headers['content-security-policy']?.split('; ')).toEqual([
    "default-src 'none'",
    ...['script', 'style', 'font', 'img', 'connect', 'worker'].map((kind) => `${kind}-src 'self'`),
    ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
    ...["require-trusted-types-for 'script'", 'trusted-types crewtab'],
  ]);
  expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
});

it('lets browsers keep hashed files for ever, and sends them compressed', async () => {
  const answer = await open('/assets/index-abc.js', '*/*').set('Accept-Encoding', 'gzip').expect(200);
  expect(answer.text).toBe(SCRIPT);
  expect(answer.headers).toMatchObject({
    'cache-control': 'public, max-age=31536000, immutable',
    'content-encoding': 'gzip',
    'content-type': 'text/javascript; charset=utf-8',
  });
});

it('says of what a browser has already that it is unchanged', async () => {
  const { headers } = await open('/').expect(200);
  await open('/')
    .set('If-None-Match', headers['etag'] ?? '')
    .expect(304);
});

it.each([
  ['/assets/gone-123.js', '*/*'],
  ['/assets/gone-123.js', 'text/html'],
  ['/api/nowhere', 'text/html'],
  ['/queues-of-mine', 'application/json'],
  ['/runs', 'application/json'],
  ['/assets/../package.json', 'text/html'],
])('leaves %s for %s to a 404', async (path, accept) => {
  expect((await open(path, accept).expect(404)).body).toMatchObject({ code: 'not_found' });
});

it('answers no other method with a page', async () => {
  await request(http.server).post('/runs').set('Accept', 'text/html').expect(404);
});

it('keeps the policies of Swagger and Bull Board', async () => {
  const { headers } = await open('/api/docs/').expect(200);
  expect(headers['content-security-policy']).toContain("style-src 'self' 'unsafe-inline'");
});

it('has no page where none was built', async () => {
  expect(readWebFiles(join(folder, 'nowhere')).size).toBe(0);
  const bare = await startHttp();
  await request(bare.server).get('/').set('Accept', 'text/html').expect(404);
  await bare.app.close();
});
