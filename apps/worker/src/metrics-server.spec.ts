import { silentLogger } from '@test/fakes/silent-logger';
import { createMetrics } from '@crewtab/observability/metrics';
import { MetricsServer } from './metrics-server';

describe('MetricsServer', () => {
  it('answers /metrics and nothing else, and releases its port at the end', async () => {
    const server = await MetricsServer.listen(
      { host: '127.0.0.1', port: 0, key: null },
      createMetrics('worker'),
      silentLogger,
    );
    const url = `http://127.0.0.1:${server.port}`;
    const answer = await fetch(`${url}/metrics`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toContain('text/plain');
    expect(await answer.text()).toContain('process="worker"');
    expect((await fetch(url)).status).toBe(404);
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(404);
    await server.close();
    await expect(fetch(`${url}/metrics`)).rejects.toThrow();
  });

  it('answers only to its key, where one is set', async () => {
    const address = { host: '127.0.0.1', port: 0, key: 'a-key-for-metrics' };
    const server = await MetricsServer.listen(address, createMetrics('worker'), silentLogger);
    const statusOf = async (headers: Record<string, string>) =>
      (await fetch(`http://127.0.0.1:${server.port}/metrics`, { headers })).status;
    expect(await statusOf({})).toBe(401);
    expect(await statusOf({ Authorization: 'Bearer another' })).toBe(401);
    expect(await statusOf({ Authorization: 'Bearer a-key-for-metrics' })).toBe(200);
    await server.close();
  });

  it('refuses a port that is taken', async () => {
    const first = await MetricsServer.listen(
      { host: '127.0.0.1', port: 0, key: null },
      createMetrics('worker'),
      silentLogger,
    );
    const again = MetricsServer.listen(
      { host: '127.0.0.1', port: first.port, key: null },
      createMetrics('worker'),
      silentLogger,
    );
    await expect(again).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await first.close();
  });
});
