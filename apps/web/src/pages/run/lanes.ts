import type { Entry } from './conversation';

/** A stretch of time, ms since the epoch. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

export interface Lane {
  readonly agent: string;
  /** When it was seen at work, in order, none touching the next. */
  readonly busy: readonly Stretch[];
}

/** Signs of life that are closer to each other than this share of the run are one stretch. */
const JOIN_SHARE = 0.02;

/**
 * When each agent was at work, as far as the conversation tells: between what it says or does, tools included. Lanes
 * stand in the order in which the agents came.
 */
export function lanesOf(entries: readonly Entry[], { from, to }: Stretch): readonly Lane[] {
  const gap = (to - from) * JOIN_SHARE;
  const lanes = new Map<string, { from: number; to: number }[]>();
  for (const entry of entries) {
    const { agent } = entry.place;
    if (agent === null || entry.kind === 'prompt') continue;
    const begin = Date.parse(entry.place.at);
    const isOpen = entry.kind === 'tool' && entry.state === 'open';
    const end = entry.kind === 'tool' && entry.endedAt !== null ? Date.parse(entry.endedAt) : isOpen ? to : begin;
    addStretch(lanes, agent, { from: begin, to: end }, gap);
  }
  return [...lanes].map(([agent, busy]) => ({ agent, busy }));
}

/** The same as far as an outline tells: an agent is at work through a column in which it says something. */
export function lanesOfOutline(
  columns: readonly { readonly from: string; readonly to: string; readonly agents: Readonly<Record<string, number>> }[],
  { from, to }: Stretch,
): readonly Lane[] {
  const gap = (to - from) * JOIN_SHARE;
  const lanes = new Map<string, { from: number; to: number }[]>();
  for (const column of columns) {
    const [begin, end] = [Date.parse(column.from), Date.parse(column.to)];
    for (const agent of Object.keys(column.agents)) addStretch(lanes, agent, { from: begin, to: end }, gap);
  }
  return [...lanes].map(([agent, busy]) => ({ agent, busy }));
}

/** Joined with the agent's last one where no more than the gap is between them. */
function addStretch(
  lanes: Map<string, { from: number; to: number }[]>,
  agent: string,
  { from, to }: Stretch,
  gap: number,
): void {
  const busy = lanes.get(agent) ?? [];
  lanes.set(agent, busy);
  const last = busy.at(-1);
  if (last && from - last.to <= gap) last.to = Math.max(last.to, to);
  else busy.push({ from, to });
}
