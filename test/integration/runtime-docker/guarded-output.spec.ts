import type { AgentChannel, OutputLine } from '@crewtab/domain/ports/runtime';
import { openChannel } from '@crewtab/runtime-docker/output/docker-channel';
import { settingsFrom } from '@crewtab/runtime-docker/docker-options';
import { EngineClient } from '@crewtab/runtime-docker/engine/engine-client';
import { RecordingLogger } from '../../fakes/recording-logger';
import { ForgetfulEngine } from './forgetful-engine';

/** Records as the guard writes them. */
function records(...said: readonly (readonly [kind: string, payload: string])[]): string[] {
  let position = 0;
  return said.map(([kind, payload]) => {
    const record = `${kind} ${position} ${Buffer.byteLength(payload)} ${payload}\n`;
    position += Buffer.byteLength(record);
    return record;
  });
}

describe('the output of an agent under a guard', () => {
  let forgetful: ForgetfulEngine;
  let engine: EngineClient;
  let logger: RecordingLogger;
  const channels: AgentChannel[] = [];

  beforeEach(async () => {
    forgetful = new ForgetfulEngine();
    await forgetful.start();
    logger = new RecordingLogger();
    engine = new EngineClient(`unix://${forgetful.socketPath}`, settingsFrom({ dockerHost: null }));
  });

  afterEach(async () => {
    for (const channel of channels.splice(0)) channel.close();
    engine.close();
    await forgetful.stop();
  });

  async function open(): Promise<AsyncIterator<OutputLine>> {
    const channel = await openChannel(engine, 'c', { onClose: () => undefined, logger });
    channels.push(channel);
    return channel.output[Symbol.asyncIterator]();
  }

  async function next(output: AsyncIterator<OutputLine>): Promise<string> {
    const { value, done } = (await output.next()) as IteratorResult<OutputLine, undefined>;
    return done ? 'end' : `${value.stream} ${value.index} ${value.text}`;
  }

  async function rest(output: AsyncIterator<OutputLine>): Promise<string[]> {
    const lines: string[] = [];
    for (let line = await next(output); line !== 'end'; line = await next(output)) lines.push(line);
    return lines;
  }

  it('is what the log brings, however it is cut, and no file is read where nothing is missing', async () => {
    const [one = '', two = '', three = '', end = ''] = records(['o', 'one'], ['E', 'oo'], ['e', 'ps'], ['x', '0']);
    const output = await open();
    forgetful.say(one.slice(0, 3));
    forgetful.say(one.slice(3) + two);
    forgetful.say(three + end);
    forgetful.end();
    expect(await rest(output)).toEqual(['stdout 0 one', 'stderr 0 oops']);
    expect(forgetful.reads).toBe(0);
    expect(logger.entries).toEqual([]);
  });

  it('has what the log lacks in its place', async () => {
    const [one = '', two = '', three = '', four = '', end = ''] = records(
      ['o', 'one'],
      ['O', 'half '],
      ['o', 'a line'],
      ['o', 'four'],
      ['x', '0'],
    );
    forgetful.kept = one + two + three + four;
    const output = await open();
    forgetful.say(one + four);
    expect([await next(output), await next(output), await next(output)]).toEqual([
      'stdout 0 one',
      'stdout 1 half a line',
      'stdout 2 four',
    ]);
    forgetful.say(end);
    forgetful.end();
    expect(await rest(output)).toEqual([]);
    expect(forgetful.reads).toBe(1);
    expect(logger.entries).toEqual([
      {
        level: 'info',
        message: 'read output that the log of its engine lacks',
        fields: { container: 'c', bytes: two.length + three.length },
      },
    ]);
  });

  it('has what the log lacks though nothing follows it, and takes nothing twice when it comes late', async () => {
    const [one = '', two = '', three = ''] = records(['o', 'one'], ['o', 'two'], ['o', 'three']);
    forgetful.kept = one + two;
    const output = await open();
    forgetful.say(one);
    expect([await next(output), await next(output)]).toEqual(['stdout 0 one', 'stdout 1 two']);
    forgetful.say(two + three);
    expect(await next(output)).toBe('stdout 2 three');
  });

  it('waits for a record that was just being written when it looked', async () => {
    const [one = '', two = ''] = records(['o', 'one'], ['o', 'two']);
    forgetful.kept = one + two.slice(0, 4);
    const output = await open();
    expect(await next(output)).toBe('stdout 0 one');
    forgetful.say(one + two);
    expect(await next(output)).toBe('stdout 1 two');
  });

  it('has the last words of an agent that ended while the engine was away', async () => {
    const [one = '', two = '', three = '', end = ''] = records(['o', 'one'], ['e', 'err'], ['O', 'bye'], ['x', '0']);
    forgetful.kept = one + two + three + end;
    const output = await open();
    forgetful.say(one);
    forgetful.end();
    expect(await rest(output)).toEqual(['stdout 0 one', 'stderr 0 err', 'stdout 1 bye']);
  });

  it('leaves a record out that the guard could not finish, because it was killed', async () => {
    const [one = '', two = ''] = records(['o', 'one'], ['o', 'two']);
    forgetful.kept = one + two.slice(0, 5);
    const output = await open();
    forgetful.say(one);
    forgetful.end();
    expect(await rest(output)).toEqual(['stdout 0 one']);
  });

  it('says where output is lost that the guard has not kept', async () => {
    const [one = '', two = '', three = '', end = ''] = records(['o', 'one'], ['o', 'two'], ['o', 'three'], ['x', '0']);
    forgetful.kept = null;
    const output = await open();
    forgetful.say(one + three + end);
    forgetful.end();
    expect(await rest(output)).toEqual([
      'stdout 0 one',
      `stderr 0 crewtab: the container engine lost about ${two.length} bytes of output here`,
      'stdout 1 three',
    ]);
  });

  it('says why the guard could not start, and leaves out what the agent wrote past it', async () => {
    const [one = '', end = ''] = records(['o', 'one'], ['x', '0']);
    const output = await open();
    forgetful.say('[FATAL tini (7)] exec failed\n', 'stderr');
    forgetful.say(`${one}to /proc/1/fd/1\n${end}`);
    forgetful.end();
    expect(await rest(output)).toEqual(['stderr 0 [FATAL tini (7)] exec failed', 'stdout 0 one']);
  });

  it('does not take the end of a record for words, whose beginning the engine has lost', async () => {
    const [one = '', two = '', three = '', end = ''] = records(
      ['o', 'one'],
      ['o', 'two words'],
      ['o', 'three'],
      ['x', '0'],
    );
    forgetful.kept = one + two + three + end;
    const output = await open();
    forgetful.say(one + two.slice(8) + three + end);
    forgetful.end();
    expect(await rest(output)).toEqual(['stdout 0 one', 'stdout 1 two words', 'stdout 2 three']);
  });

  it('does not take it for words where nothing follows either', async () => {
    const [one = '', two = ''] = records(['o', 'one'], ['o', 'two words']);
    forgetful.kept = one + two;
    const output = await open();
    forgetful.say(one + two.slice(8));
    expect([await next(output), await next(output)]).toEqual(['stdout 0 one', 'stdout 1 two words']);
    forgetful.end();
    expect(await rest(output)).toEqual([]);
  });

  it('reads the log once more where it ended before its last entries were sent and nothing is kept', async () => {
    const [one = '', two = '', end = ''] = records(['o', 'one'], ['o', 'two'], ['x', '0']);
    forgetful.kept = null;
    const output = await open();
    forgetful.say('words\n', 'stderr');
    forgetful.say(one);
    forgetful.end(() => {
      forgetful.say('words\n', 'stderr');
      forgetful.say(one + two + end);
    });
    expect(await rest(output)).toEqual(['stderr 0 words', 'stdout 0 one', 'stdout 1 two']);
  });

  it('reads no more of a file that the agent has spoilt', async () => {
    const [one = '', two = ''] = records(['o', 'one'], ['o', 'two']);
    const spoilt = '\0'.repeat(40 * 1024 * 1024);
    forgetful.kept = one + two + spoilt;
    const output = await open();
    forgetful.say(one);
    forgetful.end();
    expect(await rest(output)).toEqual(['stdout 0 one', 'stdout 1 two']);
    expect(forgetful.reads).toBe(1);
  });

  it('counts by what the guard has written, where the log has replaced what is no text', async () => {
    const one = 'o 0 2 \ufffd\ufffd\n';
    const two = 'o 9 3 two\n';
    const output = await open();
    forgetful.say(one + two);
    expect([await next(output), await next(output)]).toEqual(['stdout 0 \ufffd\ufffd', 'stdout 1 two']);
    expect(forgetful.reads).toBe(0);
  });

  it('is opened again where the log ends before the agent', async () => {
    const [one = ''] = records(['o', 'one']);
    const output = await open();
    forgetful.say(one);
    expect(await next(output)).toBe('stdout 0 one');
    const broken = expect(output.next()).rejects.toMatchObject({ code: 'engine_unreachable', retryable: true });
    await forgetful.followed();
    forgetful.end();
    forgetful.isRunning = true;
    await broken;
  });

  it('ends when its channel is closed, also while the log is idle', async () => {
    const [one = '', two = ''] = records(['o', 'one'], ['o', 'two']);
    forgetful.kept = one;
    const output = await open();
    expect(await next(output)).toBe('stdout 0 one');
    const pending = output.next();
    channels.splice(0).forEach((channel) => channel.close());
    expect(await pending).toMatchObject({ done: true });
    forgetful.say(two);
  });
});
