import { describeWithDocker } from '../../kit/services/docker';
import { openLab, type DockerLab } from './docker-lab';

/** More than the engine's buffers take for an agent that does not read (some 400 kB). */
const MORE_THAN_BUFFERS = 'x'.repeat(2 * 1024 * 1024);

describeWithDocker('an agent that does not read its input', () => {
  let lab: DockerLab;

  beforeEach(async () => {
    lab = await openLab({ limits: { writeMs: 1_000 } });
  }, 60_000);

  afterEach(() => lab.fixture.dispose(), 60_000);

  it('makes a write that it must take part in fail at the limit, and not count as done', async () => {
    const { fixture } = lab;
    const { handle } = await fixture.started({ does: 'ignoreSigterm' });
    const reader = await fixture.read(handle);
    await reader.until('ready');
    await expect(reader.channel.write(MORE_THAN_BUFFERS)).rejects.toMatchObject({
      code: 'engine_unreachable',
      message: 'the agent did not read what was written to it within 1 s',
    });
  }, 60_000);
});
