import { DockerRuntime } from '@crewtab/runtime-docker/docker-runtime';
import { Crewtab } from '../e2e/support/crewtab';
import { tinyImage, type TinyImageOptions } from '../integration/runtime-docker/tiny-image';
import { dockerHost, describeWithDocker } from '../kit/services/docker';

const ROOT = 'root:x:0:0:root:/root:/bin/sh\n';

/** Images whose user is root to an engine, written so that another reader may take it for one that is not. */
const ROOTS: readonly (readonly [string, TinyImageOptions])[] = [
  ['USER +0', { changes: ['USER +0'] }],
  ['USER 00', { changes: ['USER 00'] }],
  ['USER 0:1000', { changes: ['USER 0:1000'] }],
  [
    'a name with a second line of root',
    { passwd: `${ROOT}app:x:0:0::/:/bin/sh\napp:x:2001:2001::/:/bin/sh\n`, changes: ['USER app'] },
  ],
  ['a uid that is no number', { passwd: `${ROOT}app:x:2001x:2001::/:/bin/sh\n`, changes: ['USER app'] }],
  ['a uid with a sign', { passwd: `${ROOT}app:x:+0:2001::/:/bin/sh\n`, changes: ['USER app'] }],
  ['no uid', { passwd: `${ROOT}app:x::2001::/:/bin/sh\n`, changes: ['USER app'] }],
  ['a line that is indented', { passwd: `${ROOT}  app:x:0:0::/:/bin/sh\n`, changes: ['USER app'] }],
  ['a passwd that is a link', { passwd: `${ROOT}app:x:0:0::/:/bin/sh\n`, linksPasswd: true, changes: ['USER app'] }],
];

jest.setTimeout(120_000);

describeWithDocker('an image that would be root', () => {
  let crewtab: Crewtab;
  let runtime: DockerRuntime;

  beforeAll(async () => {
    runtime = new DockerRuntime({ dockerHost: dockerHost() });
    crewtab = await Crewtab.start();
  });

  afterAll(async () => {
    await runtime.close();
    await (crewtab as Crewtab | undefined)?.stop();
  });

  async function userOf(image: string): Promise<string | null> {
    const { api } = crewtab;
    const command = ['sh', '-c', 'cat >/dev/null; id -u'];
    const agent = crewtab.leader({ protocol: 'command', image, command });
    const team = await api.createTeam({ name: 'Roots', agents: [agent] });
    const schedule = await api.createSchedule({ teamId: team.id, name: 'x', prompt: 'x', cron: '0 0 1 1 *' });
    const { id } = await api.trigger(schedule.id);
    const { status, error, result } = await api.untilFinished(id);
    return status === 'success' ? (result?.trim() ?? null) : `${status}: ${error?.message}`;
  }

  it.each(ROOTS)('runs as uid 1000: %s', async (_, options) => {
    expect(await userOf(await tinyImage(runtime, options))).toBe('1000');
  });

  it('keeps a user that is plainly another one', async () => {
    const named = await tinyImage(runtime, { passwd: `${ROOT}app:x:2001:2001::/:/bin/sh\n`, changes: ['USER app'] });
    const numbered = await tinyImage(runtime, { changes: ['USER 4711'] });
    expect([await userOf(named), await userOf(numbered)]).toEqual(['2001', '4711']);
  });
});
