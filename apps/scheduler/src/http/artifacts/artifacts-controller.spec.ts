import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import type { Response } from 'supertest';
import type { KeptArtifact } from '@crewtab/domain/runs/artifact';
import { contentTypeOf } from '@crewtab/domain/runs/content-type';
import { KEYS, NO_ID, ORGANIZATION, startHttp, type HttpFixture } from '../http-fixture';
import { parseRange } from './send-artifacts';

let http: HttpFixture;
beforeAll(async () => (http = await startHttp()));
afterAll(() => http.app.close());

const RUN = '0198c0de-0000-7000-8000-0000000000aa';
const EVIL = '<script>alert(1)</script>';

async function keep(files: Readonly<Record<string, string>>): Promise<void> {
  const kept: KeptArtifact[] = [];
  for (const [path, text] of Object.entries(files)) {
    const key = `${RUN}/1-${kept.length}`;
    const stored = await http.artifacts.store.put(key, once(text));
    kept.push({ path, key, contentType: contentTypeOf(path), ...stored });
  }
  http.artifacts.index.keep(ORGANIZATION, RUN, kept);
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

const get = (path: string, key?: string) => http.call('get', `/api/v1/runs/${RUN}/${path}`, key);

describe('the artifacts of a run', () => {
  beforeAll(() => keep({ 'out/report.md': '# Report', 'page.html': EVIL, 'pic.svg': EVIL, 'ä b.txt': '0123456789' }));

  it('are listed without the place where they are kept', async () => {
    const { body } = (await get('artifacts').expect(200)) as { body: { items: object[] } };
    expect(body.items).toHaveLength(4);
    expect(body.items[0]).toEqual({
      path: 'out/report.md',
      bytes: 8,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      contentType: 'text/markdown; charset=utf-8',
      isDownload: false,
    });
  });

  it.each(['out/report.md', 'out%2Freport.md'])('are had one by one: %s', async (path) => {
    const { text, headers } = await get(`artifacts/${path}`).expect(200);
    expect(text).toBe('# Report');
    expect(headers).toMatchObject({
      'content-type': 'text/markdown; charset=utf-8',
      'content-disposition': "inline; filename*=UTF-8''report.md",
      'content-length': '8',
      'x-content-type-options': 'nosniff',
    });
  });

  it.each(['page.html', 'pic.svg'])('are downloads where a browser would run them: %s', async (path) => {
    const { headers, body } = await get(`artifacts/${path}`).expect(200);
    expect(headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename*=UTF-8''${path}`,
      'content-security-policy': expect.stringContaining('sandbox') as string,
      'x-content-type-options': 'nosniff',
    });
    expect(Buffer.from(body as Buffer).toString()).toBe(EVIL);
  });

  it('are had in parts', async () => {
    const path = `artifacts/${encodeURIComponent('ä b.txt')}`;
    const { text, headers } = await get(path).set('Range', 'bytes=2-4').expect(206);
    expect(text).toBe('234');
    expect(headers).toMatchObject({ 'content-range': 'bytes 2-4/10', 'content-length': '3' });
    expect((await get(path).set('Range', 'bytes=20-30').expect(200)).text).toBe('0123456789');
    expect((await get(`${path}?download=true`).expect(200)).headers['content-disposition']).toBe(
      "attachment; filename*=UTF-8''%C3%A4%20b.txt",
    );
  });

  it('are had all at once', async () => {
    const { body } = await get('archive').buffer(true).parse(bytesOf).expect(200);
    const names: string[] = [];
    const archive = extract();
    archive.end(gunzipSync(body as Buffer));
    for await (const entry of archive) {
      names.push(entry.header.name);
      entry.resume();
    }
    expect(names).toEqual(['out/report.md', 'page.html', 'pic.svg', 'ä b.txt'].map((path) => `run-0000aa/${path}`));
  });

  it('are not there for others, nor where there are none', async () => {
    await get('artifacts', KEYS.other).expect(404);
    await get('artifacts/out/report.md', KEYS.other).expect(404);
    await get('archive', KEYS.other).expect(404);
    await get('artifacts/out/other.md').expect(404);
    await http.call('get', `/api/v1/runs/${NO_ID}/artifacts`).expect(404);
    for (const path of ['artifacts/..%2F..%2Fetc%2Fpasswd', 'artifacts/out%2Freport.md%00'])
      await get(path).expect(404);
  });

  it('are said to be gone where their store has them no more', async () => {
    await keep({ 'lost.txt': 'lost' });
    await http.artifacts.store.removeRun(RUN);
    await get('artifacts/lost.txt').expect(404);
  });
});

describe('a range of bytes', () => {
  it.each([
    ['bytes=0-', { start: 0, end: 9 }],
    ['bytes=-3', { start: 7, end: 9 }],
    ['bytes=-30', { start: 0, end: 9 }],
    ['bytes=4-100', { start: 4, end: 9 }],
    ['bytes=10-', null],
    ['bytes=5-2', null],
    ['bytes=-0', null],
    ['bytes=-', null],
    ['bytes=0-1,3-4', null],
    ['lines=0-1', null],
  ])('%s of ten', (text, part) => expect(parseRange(text, 10)).toEqual(part));
});

function bytesOf(response: Response, done: (error: Error | null, body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  // Superagent's parser is given the stream itself, whatever its type says.
  const stream = response as unknown as NodeJS.ReadableStream;
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => done(null, Buffer.concat(chunks)));
}
