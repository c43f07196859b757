import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { describeWithDocker } from '../kit/services/docker';
import { eventually } from '../kit/wait-for';
import { Crewtab } from './support/crewtab';

describeWithDocker('a scheduler that is told to stop', () => {
  let crewtab: Crewtab;

  beforeAll(async () => {
    crewtab = await Crewtab.start({ workers: 0 });
  });

  afterAll(() => (crewtab as Crewtab | undefined)?.stop());

  it('answers the request that it has begun, takes no other one, and ends well', async () => {
    const { api, schedulers } = crewtab;
    const [scheduler] = schedulers;
    const body = JSON.stringify({ name: 'Late', agents: [crewtab.leader()] });
    const asking = request(`${api.baseUrl}/api/v1/teams`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${api.apiKey}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        expect: '100-continue',
      },
    });
    const answered = once(asking, 'response') as Promise<[IncomingMessage]>;
    asking.flushHeaders();
    // The scheduler has seen the request, and waits for its body.
    await once(asking, 'continue');
    scheduler?.kill();
    await eventually(() => expect(fetch(`${api.baseUrl}/healthz`)).rejects.toThrow());
    asking.end(body);
    const [answer] = await answered;
    expect(answer.statusCode).toBe(201);
    answer.resume();
    expect(await scheduler?.exited).toEqual({ code: 0, signal: null });
  });
});
