import type { AgentSpec, DeploymentSpec } from '@crewtab/domain/ports/runtime';
import { ownVolumes, tmpfsOf } from './writable-places';

const DEPLOYMENT = { installationId: 'i', runId: 'r', epoch: 1, deadlineAt: new Date(0) } as unknown as DeploymentSpec;
const agent = (HOME?: string): AgentSpec =>
  ({ name: 'lead', env: HOME === undefined ? {} : { HOME } }) as unknown as AgentSpec;
const volumesOf = (home: string, ofAgent = agent()): unknown[] =>
  ownVolumes(DEPLOYMENT, ofAgent, home).map(({ Target }) => Target);

describe('the volumes of a container with a read-only root', () => {
  it.each(['/home/node', '/root', '/srv/app', '/var/lib/x', '/home/node/', '/usr2'])(
    'has one for the home %s',
    (home) => {
      expect(volumesOf(home)).toEqual(['/.crewtab', home.replace(/\/$/, '')]);
    },
  );

  it.each([
    '',
    '/',
    '//',
    'home',
    '/usr',
    '/bin',
    '/etc/x',
    '/dev/shm',
    '/tmp',
    '/tmp/x',
    '/workspace',
    '/workspace/../proc/1',
    '/run',
  ])('has none for "%s", which is the system, absent, or mounted already', (home) => {
    expect(volumesOf(home)).toEqual(['/.crewtab']);
  });

  it('follows the HOME that the agent is given', () => {
    expect(volumesOf('/home/node', agent('/data'))).toEqual(['/.crewtab', '/data']);
    expect(volumesOf('/home/node', agent('/workspace'))).toEqual(['/.crewtab']);
  });

  it('bears the labels of the run and the agent, by which it is measured and removed', () => {
    const [{ VolumeOptions: options } = {}] = ownVolumes(DEPLOYMENT, agent(), '');
    expect(options?.Labels).toMatchObject({ 'crewtab.installation': 'i', 'crewtab.run': 'r', 'crewtab.agent': 'lead' });
  });
});

it('gives /tmp what the setting says, within half of the memory', () => {
  expect(tmpfsOf(2 ** 31, 2 ** 29)['/tmp']).toContain(`size=${2 ** 29}`);
  expect(tmpfsOf(2 ** 26, 2 ** 29)['/tmp']).toContain(`size=${2 ** 25}`);
});
