import { Crewtab } from '../e2e/support/crewtab';
import { describeWithDocker } from '../kit/services/docker';
import { endRun, program, shell, startRun, type EndedRun } from './support/hostile-run';

jest.setTimeout(120_000);

describeWithDocker('the guard of an agent', () => {
  let crewtab: Crewtab;

  beforeAll(async () => {
    crewtab = await Crewtab.start();
  });

  afterAll(() => (crewtab as Crewtab | undefined)?.stop());

  const runOf = async (prompt: string): Promise<EndedRun> => endRun(crewtab, await startRun(crewtab, prompt));

  it('is the first process of its container, and no signal from inside ends or stops it', async () => {
    const signals = ['KILL', 'STOP', 'SEGV', 'PIPE', 'TSTP'].map((signal) => `kill -${signal} 1`).join('; ');
    const { run, said } = await runOf(`shell head -c 15 /proc/1/cmdline; ${signals}\nanswer still here`);
    expect(run).toMatchObject({ status: 'success', error: null });
    expect(said).toContain('/.crewtab/guard');
    expect(said).toContain('still here');
  });

  it('cannot be looked into: neither its descriptors nor its memory', async () => {
    const attack = program((load) => {
      const fs = load('node:fs') as typeof import('node:fs');
      const tries: Record<string, () => unknown> = {
        list: () => fs.readdirSync('/proc/1/fd'),
        log: () => fs.writeFileSync('/proc/1/fd/1', 'o 0 6 forged\n'),
        input: () => fs.openSync('/proc/1/fd/0', 'r'),
        memory: () => fs.openSync('/proc/1/mem', 'r+'),
        environment: () => fs.readFileSync('/proc/1/environ'),
        program: () => fs.readlinkSync('/proc/1/exe'),
      };
      for (const [name, attempt] of Object.entries(tries)) {
        try {
          attempt();
          console.log(`${name}: done`);
        } catch (error) {
          console.log(`${name}: ${(error as NodeJS.ErrnoException).code}`);
        }
      }
    });
    const { run, said } = await runOf(attack);
    expect(run.status).toBe('success');
    const outcome = /list: \S+\nlog: \S+\ninput: \S+\nmemory: \S+\nenvironment: \S+\nprogram: \S+/.exec(said)?.[0];
    expect(outcome).toBe(
      ['list', 'log', 'input', 'memory', 'environment', 'program'].map((name) => `${name}: EACCES`).join('\n'),
    );
  });

  it.each([
    ['a FIFO', 'rm output; mkfifo output; mkfifo ended'],
    ['a link', 'rm output; ln -s /etc/passwd output; ln -s /dev/zero ended'],
    ['a folder', 'rm output; mkdir output ended; touch output/x'],
    ['emptied', 'echo > output'],
    ['of terabytes', 'node -e "fs.truncateSync(\'output\', 2 ** 43)"'],
    ['other records', "echo 'x 0 1 0' > output; echo 0 > ended"],
    ['gone with its folder', 'rm -f output; chmod 0 .'],
  ])('loses no word of an agent that has spoiled its file: %s', async (_, script) => {
    const { run, said } = await runOf(`${shell(`cd /.crewtab; ${script}`)}\nanswer still here`);
    expect(run).toMatchObject({ status: 'success', error: null, teardown: { containers: 2, volumes: 1 } });
    expect(said).toContain('still here');
  });

  it('keeps no dead processes of which the parents are gone', async () => {
    const orphans = 'i=0; while [ $i -lt 300 ]; do (sleep 0.01 &); i=$((i+1)); done; sleep 1';
    const { run, said } = await runOf(
      `shell ${orphans}; grep() { node -e "console.log(fs.readdirSync('/proc').filter((pid) => +pid > 0).length)"; }; grep`,
    );
    expect(run.status).toBe('success');
    expect(Number(/^(\d+)$/m.exec(said)?.[1])).toBeLessThan(20);
  });

  it('ends by a signal of its own agent, which costs that run alone', async () => {
    const harmless = runOf('work 2s\nanswer well');
    const { run } = await runOf('shell kill -ALRM 1\nhang');
    expect(run).toMatchObject({ status: 'failed', error: { code: 'agent_killed' }, teardown: { containers: 2 } });
    expect((await harmless).run.status).toBe('success');
  });
});
