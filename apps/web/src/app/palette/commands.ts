import { api } from '../../api/client';
import { setCaller } from '../../api/queries';
import { setTheme } from '../theme';

/** Something that the palette can do: go somewhere, or act. */
export interface Command {
  readonly key: string;
  readonly name: string;
  /** What it is: a page, a schedule, an action. */
  readonly kind: string;
  /** An address within the pages, or what to do; an address that comes back is gone to. */
  readonly act: string | (() => Promise<string | void> | void);
}

const PAGES = [
  ['Now', '/'],
  ['Runs', '/runs'],
  ['Schedules', '/schedules'],
  ['Teams', '/teams'],
  ['Usage', '/usage'],
  ['Usage by team', '/usage?by=team'],
  ['Usage by model', '/usage?by=model'],
  ['New team', '/teams/new'],
  ['New schedule', '/schedules/new'],
  ['Settings', '/settings'],
  ['Help', '/help'],
  ['Failed runs', '/runs?status=failed'],
  ['Running runs', '/runs?status=running'],
] as const;

export function staticCommands(isAdmin: boolean): Command[] {
  const pages = isAdmin ? [...PAGES, ['System', '/system'] as const] : PAGES;
  return [
    ...pages.map(([name, act]): Command => ({ key: `page ${act}`, name, kind: 'page', act })),
    { key: 'light', name: 'Light theme', kind: 'action', act: () => setTheme('light') },
    { key: 'dark', name: 'Dark theme', kind: 'action', act: () => setTheme('dark') },
    {
      ...{ key: 'log-out', name: 'Log out', kind: 'action' },
      act: async () => {
        await api.request('DELETE /session');
        setCaller(null);
      },
    },
  ];
}

interface Found {
  readonly schedules: readonly { readonly id: string; readonly name: string }[];
  readonly teams: readonly { readonly id: string; readonly name: string }[];
  readonly runs: readonly { readonly id: string; readonly status: string }[];
}

/** What a search found, and what can be done with it. */
export function commandsOf(found: Found): Command[] {
  const runNow = async (id: string): Promise<string> => {
    const idempotencyKey = crypto.randomUUID();
    const run = await api.request('POST /schedules/:id/trigger', { params: { id }, idempotencyKey });
    return `/runs/${run.id}`;
  };
  return [
    ...found.runs.map(({ id, status }): Command => ({
      ...{ key: id, name: `Run ${id.slice(-6)}`, kind: status, act: `/runs/${id}` },
    })),
    ...found.schedules.map(({ id, name }): Command => ({
      ...{ key: id, name, kind: 'schedule', act: `/schedules/${id}` },
    })),
    ...found.teams.map(({ id, name }): Command => ({ key: id, name, kind: 'team', act: `/teams/${id}` })),
    ...found.schedules.map(({ id, name }): Command => ({
      ...{ key: `run ${id}`, name: `Run now: ${name}`, kind: 'action', act: () => runNow(id) },
    })),
  ];
}

/** Those whose name has every word of the text, the ones that begin with it first. */
export function matching(commands: readonly Command[], text: string): Command[] {
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  const lower = text.trim().toLowerCase();
  const begins = ({ name }: Command): number => (name.toLowerCase().startsWith(lower) ? 0 : 1);
  return commands
    .filter(({ name }) => wanted.every((word) => name.toLowerCase().includes(word)))
    .sort((one, other) => begins(one) - begins(other));
}
