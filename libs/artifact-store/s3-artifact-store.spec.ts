import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { artifactStoreContract } from '../../test/contracts/stores/artifact-store-contract';
import { S3_KEY, startS3Server, type S3Server } from '../../test/kit/servers/s3-server';
import { S3ArtifactStore, type S3Options } from './s3-artifact-store';

const MEBIBYTE = 1024 ** 2;

let server: S3Server;
const opened: S3ArtifactStore[] = [];
beforeAll(async () => (server = await startS3Server()));
afterAll(() => server.stop());
afterEach(() => {
  for (const store of opened.splice(0)) store.close();
});

function openStore(options: Partial<S3Options> = {}): S3ArtifactStore {
  const { endpoint, bucket } = server;
  const store = new S3ArtifactStore({
    bucket,
    prefix: '',
    endpoint,
    region: 'us-east-1',
    credentials: S3_KEY,
    ...options,
  });
  opened.push(store);
  return store;
}

async function* blocks(count: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at++) yield await Promise.resolve(Buffer.alloc(MEBIBYTE, at));
}

async function* broken(blocksBefore: number): AsyncGenerator<Uint8Array> {
  yield* blocks(blocksBefore);
  throw new Error('it broke off');
}

async function read(content: AsyncIterable<Uint8Array> | null): Promise<Buffer | null> {
  if (!content) return null;
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

artifactStoreContract('S3ArtifactStore', () => openStore());
artifactStoreContract('S3ArtifactStore under a prefix', () => openStore({ prefix: 'one/two/' }));

describe('the bucket of artifacts', () => {
  const key = (runId: string = randomUUID()): string => `${runId}/1-abc`;

  it('takes a file in parts, and gives a piece from the middle of it', async () => {
    const store = openStore();
    const one = key();
    expect(await store.put(one, blocks(20))).toMatchObject({ bytes: 20 * MEBIBYTE });
    const piece = await read(await store.open(one, { start: 9 * MEBIBYTE - 2, end: 9 * MEBIBYTE + 1 }));
    expect(piece).toEqual(Buffer.from([8, 8, 9, 9]));
    expect((await read(await store.open(one)))?.length).toBe(20 * MEBIBYTE);
  });

  it('has nothing of a file that breaks off after its first part', async () => {
    const store = openStore();
    const one = key();
    await expect(store.put(one, broken(10))).rejects.toThrow('it broke off');
    expect(await store.open(one)).toBeNull();
  });

  it('can be left in the middle of a file', async () => {
    const store = openStore();
    const one = key();
    await store.put(one, blocks(12));
    for await (const chunk of (await store.open(one)) ?? []) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect((await read(await store.open(one, { start: 0, end: 1 })))?.length).toBe(2);
  });

  it('keeps nothing beside its prefix, and nothing of the run of another one', async () => {
    const runId = randomUUID();
    const [one, other] = [openStore({ prefix: 'one/' }), openStore({ prefix: 'other/' })];
    for (const store of [one, other]) await store.put(key(runId), blocks(1));
    await one.removeRun(runId);
    expect(await one.open(key(runId))).toBeNull();
    expect((await read(await other.open(key(runId))))?.length).toBe(MEBIBYTE);
    expect(await readdir(join(server.folder, 'other'))).toEqual([runId]);
  });

  it.each(['../x/1-a', 'x', `${randomUUID()}/../../etc`, `${randomUUID()}/a/b`, `/${randomUUID()}/a`])(
    'refuses the key %s',
    async (bad) => {
      await expect(openStore().open(bad)).rejects.toMatchObject({ code: 'internal' });
      await expect(openStore().put(bad, blocks(1))).rejects.toMatchObject({ code: 'internal' });
    },
  );

  it('says that it can be tried again where the store does not answer', async () => {
    const store = openStore({ endpoint: 'http://127.0.0.1:1' });
    const expected = { code: 'artifact_store_unreachable', retryable: true };
    await expect(store.put(key(), blocks(1))).rejects.toMatchObject(expected);
    await expect(store.open(key())).rejects.toMatchObject(expected);
    await expect(store.removeRun(randomUUID())).rejects.toMatchObject(expected);
  });
});

describe('the proof of a bucket at the start', () => {
  it('finds what the first process left, and leaves nothing else', async () => {
    let agreed: string | null = null;
    const agree = (name: string): Promise<string> => Promise.resolve((agreed ??= name));
    const options = { prefix: `proof-${randomUUID()}/` };
    await openStore(options).prove(agree);
    await openStore(options).prove(agree);
    const left = (await readdir(join(server.folder, options.prefix))).filter((name) => name.endsWith('_object'));
    expect(left).toEqual([`${String(agreed)}._S3rver_object`]);
    await expect(openStore({ prefix: 'elsewhere/' }).prove(agree)).rejects.toThrow(
      `it has no object "elsewhere/${String(agreed)}"`,
    );
  });

  it.each<[string, Partial<S3Options>]>([
    ['ARTIFACT_S3_BUCKET absent: there is no such bucket', { bucket: 'absent' }],
    ['ARTIFACT_S3_ACCESS_KEY is not known to the store', { credentials: { accessKeyId: 'no', secretAccessKey: 'x' } }],
    ['ARTIFACT_S3_ENDPOINT http://127.0.0.1:1 does not answer', { endpoint: 'http://127.0.0.1:1' }],
  ])('says: %s', async (words, options) => {
    const proof = openStore(options).prove((name) => Promise.resolve(name));
    await expect(proof).rejects.toMatchObject({ code: 'artifact_store_unreachable' });
    await expect(proof).rejects.toThrow(words);
  });
});

/** What s3rver cannot do: the answers of a store to one request, as they were asked for. */
describe('a store that answers otherwise', () => {
  let stub: Server;
  let answers: (request: IncomingMessage, response: ServerResponse) => void;
  const asked: string[] = [];
  beforeEach(async () => {
    asked.splice(0);
    stub = createServer((request, response) => {
      asked.push(`${String(request.method)} ${String(request.url)}`);
      request.resume().on('end', () => answers(request, response));
    });
    await new Promise<void>((resolve) => stub.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    stub.closeAllConnections();
    stub.close();
  });
  const atStub = (): S3ArtifactStore =>
    openStore({ endpoint: `http://127.0.0.1:${(stub.address() as AddressInfo).port}`, bucket: 'b' });
  const fault = (response: ServerResponse, status: number, code: string): void => {
    response.writeHead(status, { 'content-type': 'application/xml' });
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>words of the store</Message></Error>`);
  };

  it.each([
    [403, 'SignatureDoesNotMatch', 'ARTIFACT_S3_SECRET_KEY is not the secret of ARTIFACT_S3_ACCESS_KEY'],
    [403, 'AccessDenied', 'ARTIFACT_S3_ACCESS_KEY may not write, read and delete'],
    [400, 'AuthorizationHeaderMalformed', 'ARTIFACT_S3_REGION us-east-1 is not the region'],
    [501, 'NotImplemented', 'does not answer as an S3-compatible store does (NotImplemented: words of the store)'],
  ])('is told at its start: %s %s', async (status, code, words) => {
    answers = (_, response) => fault(response, status, code);
    await expect(atStub().prove((name) => Promise.resolve(name))).rejects.toThrow(words);
  });

  it('has the uploads of a worker that died aborted with their run, and objects of several lists removed', async () => {
    const runId = randomUUID();
    let left = 3;
    answers = ({ method, url = '' }, response) => {
      if (method === 'DELETE') left -= url.includes('uploadId') ? 0 : 1;
      if (method === 'DELETE') response.writeHead(204).end();
      else if (url.includes('uploads'))
        response.end(
          `<ListMultipartUploadsResult><Upload><Key>${runId}/1-a</Key><UploadId>u1</UploadId></Upload></ListMultipartUploadsResult>`,
        );
      else
        response.end(
          `<ListBucketResult><IsTruncated>${String(left > 1)}</IsTruncated>${left > 0 ? `<Contents><Key>${runId}/1-${left}</Key></Contents>` : ''}</ListBucketResult>`,
        );
    };
    await atStub().removeRun(runId);
    const removed = asked.filter((request) => request.startsWith('DELETE'));
    expect(removed).toEqual([
      ...[3, 2, 1].map((name) => `DELETE /b/${runId}/1-${name}?x-id=DeleteObject`),
      `DELETE /b/${runId}/1-a?uploadId=u1&x-id=AbortMultipartUpload`,
    ]);
  });

  it('breaks a file off as unreachable, and not as its end', async () => {
    answers = (_, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half');
      setImmediate(() => response.destroy());
    };
    const content = await atStub().open(key());
    await expect(read(content)).rejects.toMatchObject({ code: 'artifact_store_unreachable', retryable: true });
    function key(): string {
      return `${randomUUID()}/1-a`;
    }
  });
});
