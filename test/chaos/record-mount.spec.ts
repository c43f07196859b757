import { mountRecord } from './record-mount';

function createCall(body: object, extra = ''): Buffer {
  const json = JSON.stringify(body);
  return Buffer.from(
    `POST /v1.41/containers/create?name=a HTTP/1.1\r\nHost: x\r\nContent-Length: ${json.length}\r\n\r\n${json}${extra}`,
  );
}

function bodyOf(request: Buffer | null): { body: unknown; length: number; rest: string } {
  const text = request?.toString() ?? '';
  const from = text.indexOf('\r\n\r\n') + 4;
  const length = Number(/Content-Length: (\d+)/.exec(text)?.[1]);
  return { body: JSON.parse(text.slice(from, from + length)), length, rest: text.slice(from + length) };
}

describe('the mount of the record', () => {
  const spec = {
    Image: 'i',
    HostConfig: { Init: true, Mounts: [{ Type: 'volume', Source: 'w', Target: '/workspace' }] },
  };
  const mount = { Type: 'bind', Source: '/evidence', Target: '/record' };

  it('is added to those that a container has', () => {
    const { body } = bodyOf(mountRecord('/evidence')(createCall(spec)));
    expect(body).toEqual({ Image: 'i', HostConfig: { Init: true, Mounts: [...spec.HostConfig.Mounts, mount] } });
  });

  it('is added to a call that comes in parts, and what follows stays as it is', () => {
    const rewrite = mountRecord('/evidence');
    const call = createCall(spec, 'GET /next HTTP/1.1\r\n\r\n');
    const parts = [call.subarray(0, 20), call.subarray(20, 120), call.subarray(120)];
    // The first line alone must be recognisable: Node writes a request's head in one piece.
    expect(rewrite(Buffer.concat([parts[0] ?? call, parts[1] ?? call]))).toBeNull();
    const { body, rest } = bodyOf(rewrite(parts[2] ?? call));
    expect(body).toMatchObject({ HostConfig: { Mounts: [{}, mount] } });
    expect(rest).toBe('GET /next HTTP/1.1\r\n\r\n');
  });

  it('leaves every other call alone', () => {
    const rewrite = mountRecord('/evidence');
    for (const line of ['GET /containers/json', 'POST /v1.41/containers/abc/start', 'POST /volumes/create']) {
      const call = Buffer.from(`${line} HTTP/1.1\r\n\r\n`);
      expect(rewrite(call)).toBe(call);
    }
  });
});
