import type { DraftMessage, MessageKind } from '@crewtab/domain/runs/message';
import { MaskedStream } from './masked-stream';
import { SecretMask } from './secret-mask';

const VALUE = 'ghp_0123456789abcdef';
const mask = new SecretMask({ github: VALUE });

const say = (text: string, kind: MessageKind = 'agent_message'): DraftMessage => {
  return { agent: 'lead', kind, content: { text }, at: new Date(0) };
};
const told = (messages: readonly DraftMessage[]): string[] =>
  messages.map(({ kind, content }) => `${kind}: ${String(content['text'])}`);

/** What comes of pieces, one a line. */
function take(...lines: readonly (readonly DraftMessage[])[]): string[] {
  const stream = new MaskedStream(mask);
  return told([...lines.flatMap((line) => stream.take(line, false)), ...stream.end()]);
}

describe('a text in pieces', () => {
  it('is masked across them, however small they are', () => {
    const pieces = [...`my token is ${VALUE}, do not tell`].map((char) => [say(char)]);
    expect(
      take(...pieces)
        .map((text) => text.slice('agent_message: '.length))
        .join(''),
    ).toBe('my token is [secret:github], do not tell');
  });

  it('waits only for what may be a secret, and is whole in the end', () => {
    const stream = new MaskedStream(mask);
    expect(told(stream.take([say('my token is ghp_01')], false))).toEqual(['agent_message: my token is ']);
    expect(stream.take([say('23')], false)).toEqual([]);
    expect(told(stream.take([say('x')], false))).toEqual(['agent_message: ghp_0123x']);
    expect(told(stream.take([say(' gh')], true))).toEqual(['agent_message:  ', 'agent_message: gh']);
  });

  it('goes on across kinds that only a protocol knows, and ends at every other', () => {
    const usage: DraftMessage = { agent: 'lead', kind: 'other', content: { used: 5 }, at: new Date(0) };
    const call: DraftMessage = { agent: 'lead', kind: 'tool_call', content: { title: VALUE }, at: new Date(0) };
    expect(take([say('a ghp_0123')], [usage], [say('456789abcdef b')])).toEqual([
      'agent_message: a ',
      'other: undefined',
      'agent_message: [secret:github] b',
    ]);
    expect(take([say('a ghp')], [call], [say('b')])).toEqual([
      'agent_message: a ',
      'agent_message: ghp',
      'tool_call: undefined',
      'agent_message: b',
    ]);
    expect(take([say('a ghp')], [say('b', 'agent_thought')])).toEqual([
      'agent_message: a ',
      'agent_message: ghp',
      'agent_thought: b',
    ]);
    expect(JSON.stringify(new MaskedStream(mask).take([call], false))).not.toContain(VALUE);
  });

  it('that ends within a secret tells little of it', () => {
    expect(take([say(`x ${VALUE.slice(0, 18)}`)])).toEqual(['agent_message: x ', 'agent_message: [secret:github]']);
  });

  it('comes to the same pieces for whoever reads it again from its beginning', () => {
    const lines = ['a ghp_0', '12', `3 ${VALUE}${VALUE.slice(0, 5)}`, VALUE.slice(5), 'g'].map((text) => [say(text)]);
    const first = new MaskedStream(mask);
    const whole = lines.map((line) => told(first.take(line, false)));
    for (let stored = 0; stored < lines.length; stored++) {
      const adopter = new MaskedStream(mask);
      const again = lines.map((line) => told(adopter.take(line, false)));
      expect(again.slice(stored)).toEqual(whole.slice(stored));
    }
  });
});
