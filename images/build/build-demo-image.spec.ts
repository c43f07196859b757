import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import type { Header } from 'tar-stream';
import { AGENT_UID, buildRootfsTar, DEMO_IMAGE_NAME, TEAM_BRIDGE_PATH } from './build-demo-image';

// Real processes on a machine that may be busy.
jest.setTimeout(30_000);

const onLinux = process.platform === 'linux' ? describe : describe.skip;

onLinux('the image made from this machine', () => {
  async function headersOf(tar: NodeJS.ReadableStream): Promise<Map<string, Header>> {
    const headers = new Map<string, Header>();
    const reader = extract();
    reader.on('entry', (header, content, next) => {
      headers.set(`/${header.name}`, header);
      content.on('end', next);
      content.resume();
    });
    await pipeline(tar, reader);
    return headers;
  }

  it('holds node, a shell, the agent, its repository and the bridge, and a workspace for uid 1000', async () => {
    const image = await buildRootfsTar();
    const headers = await headersOf(image.openTar());
    for (const path of ['/usr/bin/node', '/usr/bin/sh', '/usr/bin/timeout'])
      expect(headers.get(path)?.mode).toBe(0o755);
    for (const path of ['demo-agent.js', 'sample-repo/commits.txt', 'sample-repo/api/server.py']) {
      expect(headers.get(`/opt/crewtab-demo/${path}`)?.mode).toBe(0o644);
    }
    expect(headers.has(TEAM_BRIDGE_PATH)).toBe(true);
    expect(headers.get('/workspace/') ?? headers.get('/workspace')).toMatchObject({
      type: 'directory',
      uid: AGENT_UID,
    });
    expect(headers.get('/tmp/') ?? headers.get('/tmp')).toMatchObject({ mode: 0o1777 });
    expect([...headers.keys()].filter((path) => path.includes('.spec.'))).toEqual([]);
  });

  it('is named for its content, and says as whom and what it runs', async () => {
    const [image, again] = await Promise.all([buildRootfsTar(), buildRootfsTar()]);
    expect(image.reference).toBe(`${DEMO_IMAGE_NAME}:${image.digest.slice(0, 12)}`);
    expect(again.digest).toBe(image.digest);
    expect(image.changes).toContain('USER 1000:1000');
    expect(image.changes).toContain('CMD ["node","/opt/crewtab-demo/demo-agent.js"]');
  });
});
