import { expect, it, vi } from 'vitest';

vi.mock('../../api/client', () => ({ api: {} }));
vi.mock('../../api/queries', () => ({ setCaller: () => undefined }));
vi.mock('../theme', () => ({ setTheme: () => undefined }));
const { commandsOf, matching, staticCommands } = await import('./commands');

const namesOf = (commands: readonly { readonly name: string }[]): string[] => commands.map(({ name }) => name);

it('shows System to admins only', () => {
  expect(namesOf(staticCommands(true))).toContain('System');
  expect(namesOf(staticCommands(false))).not.toContain('System');
});

it('matches every word, what begins with the text first', () => {
  expect(namesOf(matching(staticCommands(true), 'ru')).slice(0, 2)).toEqual(['Runs', 'Running runs']);
  expect(namesOf(matching(staticCommands(true), 'team new'))).toEqual(['New team']);
  expect(matching(staticCommands(true), 'no such thing')).toEqual([]);
});

it('offers what was found, and to run a schedule', () => {
  const found = { schedules: [{ id: 's', name: 'Report' }], teams: [{ id: 't', name: 'Crew' }], runs: [] };
  expect(namesOf(commandsOf(found))).toEqual(['Report', 'Crew', 'Run now: Report']);
});
