import type { AddressInfo } from 'node:net';
import { streamPresetImage, type HostImageView } from '@crewtab/api-contract/preset-routes';
import { aHeartbeat, WORKER } from '@test/contracts/stores/run-store-fixture';
import { KEYS, startHttp, type HttpFixture } from '../http-fixture';
import { SseClient } from '../streams/sse-client-fixture';

const PRESETS = '/api/v1/presets';
const IMAGE = 'crewtab-preset/coder:1';

let http: HttpFixture;

beforeEach(async () => (http = await startHttp()));
afterEach(() => http.app.close());

const here = () => http.hosts.noteWorker(aHeartbeat());
const ask = (key?: string) => http.call('post', `${PRESETS}/coder/image`, key).send();
const made = { host: WORKER.host, image: IMAGE, worker: WORKER.workerId };

interface Coder {
  readonly name: string;
  readonly hostImages: readonly HostImageView[];
}

async function coder(): Promise<Coder | undefined> {
  const { body } = await http.call('get', PRESETS, KEYS.member).expect(200);
  return (body as { items: Coder[] }).items.find(({ name }) => name === 'coder');
}

describe('GET /presets', () => {
  it('shows what can be had, and what each needs', async () => {
    expect(await coder()).toMatchObject({
      name: 'coder',
      image: IMAGE,
      hostImages: [],
      canAsk: true,
      secrets: [[{ name: 'CODER_KEY', hosts: ['api.example.com'] }, { name: 'CODER_TOKEN' }]],
      usage: { hasTokens: true, hasCost: false },
    });
  });

  it('shows which hosts have its image, and nothing of an image that it had before', async () => {
    await here();
    await http.hostImages.noteImages(WORKER.host, [
      { preset: 'coder', image: IMAGE, isPresent: true },
      { preset: 'coder', image: 'crewtab-preset/coder:0', isPresent: true },
    ]);
    expect((await coder())?.hostImages).toMatchObject([
      { host: WORKER.host, image: IMAGE, state: 'present', progress: null, error: null },
    ]);
  });
});

describe('POST /presets/:name/image', () => {
  it('wants the image of every host, once, however often it is asked', async () => {
    await here();
    const wanted = { preset: 'coder', image: IMAGE, hosts: [{ host: WORKER.host, state: 'wanted' }] };
    expect((await ask(KEYS.member).expect(202)).body).toMatchObject(wanted);
    await http.hostImages.take(WORKER.host, WORKER.workerId);
    await http.hostImages.noteProgress(made, 'Step 3/9');
    const { body } = await ask().expect(202);
    expect(body).toMatchObject({ hosts: [{ state: 'making', progress: 'Step 3/9' }] });
    expect((await coder())?.hostImages).toMatchObject([{ state: 'making' }]);
  });

  it('refuses where no host makes images, and says what to do', async () => {
    await http.hosts.noteWorker({ ...aHeartbeat(), host: { id: 'bare', runtime: 'process', description: '' } });
    const { body } = await ask().expect(409);
    expect(body).toMatchObject({ code: 'conflict', detail: expect.stringContaining('a Docker engine') as string });
    expect(await http.hostImages.read()).toEqual([]);
  });

  it('knows the presets of this installation alone', async () => {
    await here();
    await http.call('post', `${PRESETS}/nope/image`).send().expect(404);
  });
});

describe('GET /presets/:name/image/events', () => {
  const connect = (): Promise<SseClient> => {
    const { port } = http.server.address() as AddressInfo;
    const headers = { Authorization: `Bearer ${KEYS.member}` };
    return SseClient.connect(`http://127.0.0.1:${port}${PRESETS}/coder/image/events`, headers, streamPresetImage);
  };
  /** The stream sleeps until its next look. */
  const look = async (): Promise<void> => {
    while (http.clock.pendingTimers === 0) await new Promise((resolve) => setImmediate(resolve));
    await http.clock.advance(1_000);
  };

  it('tells how far each host is, and ends when none makes it any more', async () => {
    await here();
    await ask().expect(202);
    const client = await connect();
    expect(await client.next()).toMatchObject({ event: 'image', data: { host: WORKER.host, state: 'wanted' } });
    await http.hostImages.take(WORKER.host, WORKER.workerId);
    await http.hostImages.noteProgress(made, 'Step 3/9');
    await look();
    expect(await client.next()).toMatchObject({ event: 'image', data: { state: 'making', progress: 'Step 3/9' } });
    await http.hostImages.end(made, { code: 'image_build_failed', message: 'no such package' });
    await look();
    expect(await client.next()).toMatchObject({
      event: 'image',
      data: { state: 'failed', error: { code: 'image_build_failed' } },
    });
    expect(await client.next()).toMatchObject({ event: 'end' });
    expect(await client.next()).toBeNull();
    expect(http.clock.pendingTimers).toBe(0);
  });

  it('ends at once where nothing is made', async () => {
    expect(await (await connect()).next()).toMatchObject({ event: 'end' });
  });
});
