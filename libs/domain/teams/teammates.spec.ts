import type { Agent } from './team';
import { teammatesOf, withTeammates } from './teammates';

const member = (name: string, instructions?: string): Agent => ({
  name,
  role: name === 'lead' ? 'leader' : 'worker',
  protocol: 'acp',
  ...(instructions !== undefined && { instructions }),
});

describe('teammatesOf', () => {
  it('shows the beginning of their instructions on one line, and leaves the asking agent out', () => {
    const agents = [member('lead', 'Lead.'), member('writer', ' You write.\n\nIn\tGerman. '), member('mute', ' \n')];
    expect(teammatesOf(agents, 'lead')).toEqual([
      { name: 'writer', role: 'worker', instructions: 'You write. In German.' },
      { name: 'mute', role: 'worker' },
    ]);
  });

  it('cuts long instructions between two characters', () => {
    const [mate] = teammatesOf([member('lead'), member('writer', '🦀'.repeat(5_000))], 'lead');
    expect(mate?.instructions).toBe(`${'🦀'.repeat(299)}…`);
  });

  it.each([
    [1, '300 characters each'],
    [49, '6,000 of all'],
  ])('of %i keeps to %s', (count) => {
    const mates = Array.from({ length: count }, (_, index) => member(`mate-${index}`, 'x'.repeat(50_000)));
    const shown = teammatesOf([member('lead'), ...mates], 'lead').map(({ instructions }) => instructions?.length ?? 0);
    expect(Math.max(...shown)).toBeLessThanOrEqual(300);
    expect(shown.reduce((sum, chars) => sum + chars, 0)).toBeLessThanOrEqual(6_000);
  });
});

describe('withTeammates', () => {
  it("begins with the user's words, and names each teammate and the way to it", () => {
    const text = withTeammates('Report.', [member('lead'), member('writer', 'You write.'), member('mate')], 'lead');
    expect(text.startsWith('Report.\n\n---\n')).toBe(true);
    expect(text).toContain('\n- writer: You write.\n- mate\n');
    expect(text).toContain('"delegate" of the MCP server "crewtab-team"');
  });
});
