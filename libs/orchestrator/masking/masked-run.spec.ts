import type { PlannedAgent } from '@crewtab/domain/runs/run';
import { obedient, World } from '../running/spec-support';

const VALUE = 'ghp_0123456789abcdef';
const BASE64 = Buffer.from(`x${VALUE}`).toString('base64').slice(2);
const LEAD: PlannedAgent = { name: 'lead', role: 'leader', protocol: 'acp', image: 'x', secrets: { TOKEN: 'github' } };

function world(program: ReturnType<typeof obedient>): { world: World; id: string } {
  const made = new World({ lead: program });
  made.store.secrets.set('github', VALUE);
  return { world: made, id: made.store.addRun({ plan: { agents: [LEAD], prompt: `Use ${VALUE}.` } }).id };
}

/** Everything that a reader could ever see of the run. */
const shownIn = ({ store, logger }: World, id: string): string => {
  const { plan: _, ...run } = store.read(id);
  return JSON.stringify([run, store.messages(id), logger.entries]);
};

const turnOf = (line: string): string => line.split(' ')[1] ?? '';

describe('a run with a secret', () => {
  it('gives it to the agent, and tells nobody, whatever the agent says', async () => {
    const given: unknown[] = [];
    const { world: all, id } = world(
      obedient((line, io) => {
        given.push(all.engine.agents[0]?.agent);
        for (const piece of VALUE.match(/.{1,3}/g) ?? []) io.emit(`say ${piece}`);
        io.emit(`say ${BASE64} ${JSON.stringify(VALUE)}`);
        io.emit(`token ${VALUE} refused`, 'stderr');
        io.emit(`done ${turnOf(line)} it is ${VALUE}`);
      }),
    );
    const { holder } = all.worker();
    await holder.take(id);
    await all.eventually(() => all.store.read(id).phase === 'finished');
    expect(given).toEqual([expect.objectContaining({ env: { TOKEN: VALUE }, secretVariables: ['TOKEN'] })]);
    expect(all.turnsSeen[0]).toContain(VALUE);
    expect(all.store.read(id)).toMatchObject({ status: 'success', outcome: { result: 'it is [secret:github]' } });
    const shown = shownIn(all, id);
    expect(shown).toContain('[secret:github]');
    expect(shown).not.toContain(VALUE);
    expect(shown).not.toContain(BASE64);
    await holder.stop();
  });

  it('is not told by its failure either', async () => {
    const { world: all, id } = world(obedient((line, io) => io.emit(`fail ${turnOf(line)} 401 for ${VALUE}`)));
    const { holder } = all.worker();
    await holder.take(id);
    await all.eventually(() => all.store.read(id).phase === 'finished');
    const { outcome } = all.store.read(id);
    expect(outcome?.error?.message).toContain('401 for [secret:github]');
    expect(shownIn(all, id)).not.toContain(VALUE);
    await holder.stop();
  });

  it('is masked across the end of a worker, and no character is told twice or not at all', async () => {
    const later: { go?: () => void } = {};
    const { world: all, id } = world(
      obedient((line, io) => {
        io.emit(`say a ${VALUE.slice(0, 6)}`);
        later.go = () => {
          io.emit(`say ${VALUE.slice(6)} b`);
          io.emit(`done ${turnOf(line)} done`);
        };
      }),
    );
    const first = all.worker();
    await first.holder.take(id);
    await all.eventually(() => all.store.messages(id).some(({ kind }) => kind === 'agent_message'));
    all.store.secrets.set('github', 'replaced meanwhile');
    await first.holder.stop();
    const second = all.worker();
    await second.holder.start();
    await all.eventually(() => all.store.read(id).epoch === 2);
    later.go?.();
    await all.eventually(() => all.store.read(id).phase === 'finished');
    const said = all.store.messages(id).filter(({ kind }) => kind === 'agent_message');
    expect(said.map(({ content }) => content['text']).join('')).toBe('a [secret:github] b');
    await second.holder.stop();
  });

  it('fails where the secret is not there, before anything is started', async () => {
    const { world: all, id } = world(obedient());
    all.store.secrets.clear();
    const { holder } = all.worker();
    await holder.take(id);
    await all.eventually(() => all.store.read(id).phase === 'finished');
    expect(all.store.read(id).outcome?.error).toEqual({
      code: 'secret_unavailable',
      message: 'lead: no secret "github" could be opened when the run began',
    });
    expect(all.engine.agents).toEqual([]);
    await holder.stop();
  });
});
