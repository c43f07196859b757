import { parseTeamCall } from './tool-call';

describe('parseTeamCall', () => {
  const call = { id: 'c1', agent: 'lead', tool: 'delegate', arguments: { agent: 'mate', task: 'x' } };

  it('reads a call of the bridge', () => {
    expect(parseTeamCall(JSON.stringify(call))).toMatchObject({ ok: true, call: { id: 'c1', tool: 'delegate' } });
  });

  it.each([
    [4_500, { waitedMs: 4_500 }],
    [-1, {}],
    ['long', {}],
  ])('takes %p for how long a call has waited as %p', (waitedMs, expected) => {
    const { waitedMs: _, ...plain } = { waitedMs, id: 'c1', tool: 'delegate', arguments: call.arguments };
    const parsed = parseTeamCall(JSON.stringify({ ...call, waitedMs }));
    expect(parsed).toEqual({ ok: true, call: { ...plain, ...expected } });
  });

  it.each([
    [
      'millions of values',
      JSON.stringify({ ...call, arguments: { task: Array.from({ length: 200_000 }, () => ({})) } }),
    ],
    ['a bomb of brackets', `{"id":"c1","tool":"delegate","arguments":${'['.repeat(100_000)}`],
  ])('does not parse %s', (_what, line) => {
    const parse = jest.spyOn(JSON, 'parse');
    expect(parseTeamCall(line)).toMatchObject({ ok: false });
    expect(parse).not.toHaveBeenCalled();
  });
});
