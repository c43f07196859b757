import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import Docker from 'dockerode';
import { createContainer } from './create-container';

it('makes a container whose environment is in the body of the call alone', async () => {
  const heard: { readonly url: string; readonly body: unknown }[] = [];
  const engine = createServer((asked, answer) => {
    void text(asked).then((body) => {
      heard.push({ url: asked.url ?? '', body: JSON.parse(body) });
      answer.writeHead(201, { 'content-type': 'application/json' }).end('{"Id":"c1"}');
    });
  });
  await once(engine.listen(0, '127.0.0.1'), 'listening');
  try {
    const docker = new Docker({ protocol: 'http', host: '127.0.0.1', port: (engine.address() as AddressInfo).port });
    const large = `LARGE=${'x'.repeat(2 * 1024 * 1024)}`;
    const spec = { name: 'one', Image: 'busybox', Env: ['KEY=value', large], HostConfig: { Init: true } };
    const { id } = await createContainer(docker, spec, new AbortController().signal);
    expect(id).toBe('c1');
    const { name, ...body } = spec;
    expect(heard).toEqual([{ url: `/containers/create?name=${name}`, body }]);
  } finally {
    engine.closeAllConnections();
    engine.close();
  }
});
