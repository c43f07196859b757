import type { RunArchive } from '@crewtab/domain/ports/management-store';
import type { RunPhase } from '@crewtab/domain/runs/run';
import {
  isWorkOver,
  joinBusy,
  phasesOf,
  TIMELINE_SPANS,
  type AgentLane,
  type PhaseInstants,
  type RunTimeline,
  type TimelineSpan,
} from '@crewtab/domain/runs/run-timeline';
import { isId, type Database, type Statement } from '../database/database';

const FACTS: Statement = {
  name: 'timeline_facts',
  text: `SELECT r.scheduled_for, r.phase, r.queued_at, r.started_at, p.permitted_at, p.sent_at, r.work_ended_at, r.concluded_at,
      r.teardown_begun_at, COALESCE(r.teardown_verified_at, r.teardown_given_up_at) AS removed_at, r.finished_at, now() AS read_at,
      COALESCE((SELECT jsonb_agg(jsonb_build_object('name', a.name, 'role', planned.value ->> 'role', 'startedAt', a.started_at,
          'readyAt', a.ready_at, 'endedAt', a.ended_at) ORDER BY a.position)
        FROM deployment_agents a
        LEFT JOIN jsonb_array_elements(r.agents) AS planned ON planned.value ->> 'name' = a.name
        WHERE a.run_id = r.id), '[]') AS agents
    FROM schedule_runs r LEFT JOIN prompt_permits p ON p.run_id = r.id WHERE r.organization_id = $1 AND r.id = $2`,
};

/** Places of messages that are told apart when stretches are joined. */
const PLACES = 400;

/**
 * What was heard of each agent in each of its turns, place by place. Parameters: organization, run, the run's beginning, the
 * length of a place. No message's content is read.
 */
const HEARD: Statement = {
  name: 'timeline_heard',
  text: `SELECT m.agent, m.turn, min(m.at) AS from_at, max(m.at) AS to_at, min(m.seq) AS seq FROM messages m
    WHERE m.organization_id = $1 AND m.run_id = $2 AND m.agent IS NOT NULL AND m.kind <> 'prompt'
    GROUP BY m.agent, m.turn, date_bin($4::interval, m.at, $3::timestamptz) ORDER BY min(m.at), min(m.seq)`,
};

const TITLE = 200;

/** The first message of a task has it, the last one its answer. */
const DELEGATIONS: Statement = {
  name: 'timeline_delegations',
  text: `SELECT task.agent, task.content ->> 'to' AS given_to, left(task.content ->> 'task', ${TITLE}) AS title, task.content ->> 'id' AS id,
      told.seq, task.at AS from_at, answer.at AS to_at, answer.content ? 'error' AS is_failed, told.found
    FROM (
      SELECT min(m.seq) AS seq, max(m.seq) AS last_seq, count(*) OVER () AS found FROM messages m
      WHERE m.organization_id = $1 AND m.run_id = $2 AND m.kind = 'delegation' GROUP BY m.content ->> 'id'
      ORDER BY max(m.at) - min(m.at) DESC, min(m.seq) LIMIT $3) AS told
    JOIN messages task ON task.run_id = $2 AND task.seq = told.seq
    LEFT JOIN messages answer ON answer.run_id = $2 AND answer.seq = told.last_seq AND told.last_seq > told.seq`,
};

/** Only of the calls that are named the contents are read: a call's first message has its title, the last one that has a status how it stands. */
const TOOLS: Statement = {
  name: 'timeline_tools',
  text: `SELECT call.agent, call.seq, call.from_at, call.to_at, call.found,
      (SELECT left(m.content ->> 'title', ${TITLE}) FROM messages m WHERE m.run_id = $2 AND m.seq = call.seq) AS title,
      (SELECT m.content ->> 'status' FROM messages m
        WHERE m.run_id = $2 AND m.seq BETWEEN call.seq AND call.last_seq AND COALESCE(m.tool_call_id, m.content ->> 'toolCallId') = call.id
          AND m.agent = call.agent AND m.session IS NOT DISTINCT FROM call.session AND m.content ? 'status'
        ORDER BY m.seq DESC LIMIT 1) AS status
    FROM (
      SELECT m.agent, m.session, COALESCE(m.tool_call_id, m.content ->> 'toolCallId') AS id, min(m.seq) AS seq, max(m.seq) AS last_seq,
        min(m.at) AS from_at, max(m.at) AS to_at, count(*) OVER () AS found
      FROM messages m
      WHERE m.organization_id = $1 AND m.run_id = $2 AND m.agent IS NOT NULL AND m.kind IN ('tool_call', 'tool_result')
      GROUP BY 1, 2, 3 ORDER BY max(m.at) - min(m.at) DESC, min(m.seq) LIMIT $3) AS call`,
};

interface FactsRow {
  readonly scheduled_for: Date;
  readonly phase: RunPhase;
  readonly queued_at: Date;
  readonly started_at: Date | null;
  readonly permitted_at: Date | null;
  readonly sent_at: Date | null;
  readonly work_ended_at: Date | null;
  readonly concluded_at: Date | null;
  readonly teardown_begun_at: Date | null;
  readonly removed_at: Date | null;
  readonly finished_at: Date | null;
  readonly read_at: Date;
  readonly agents: readonly {
    readonly name: string;
    readonly role: string | null;
    readonly startedAt: string | null;
    readonly readyAt: string | null;
    readonly endedAt: string | null;
  }[];
}

interface HeardRow {
  readonly agent: string;
  readonly turn: string | null;
  readonly from_at: Date;
  readonly to_at: Date;
  readonly seq: number;
}

interface SpanRow {
  readonly agent: string;
  readonly seq: number;
  readonly title: string | null;
  readonly from_at: Date;
  readonly to_at: Date;
  /** int8, which pg hands over as text. */
  readonly found: string;
}

type DelegationRow = Omit<SpanRow, 'to_at'> & {
  readonly id: string;
  readonly given_to: string | null;
  readonly to_at: Date | null;
  readonly is_failed: boolean | null;
};

type ToolRow = SpanRow & { readonly status: string | null };

/** How runs spent their time, read without the contents of their conversations. */
export function runTimelines(db: Database): Pick<RunArchive, 'readTimeline'> {
  return {
    async readTimeline(organizationId, runId): Promise<RunTimeline | null> {
      if (!isId(runId)) return null;
      const [facts] = await db.query<FactsRow>(FACTS, [organizationId, runId]);
      if (!facts) return null;
      const from = facts.started_at ?? facts.queued_at;
      const to = facts.removed_at ?? facts.finished_at ?? facts.read_at;
      const spanMs = Math.max(1, to.getTime() - from.getTime());
      const of = [organizationId, runId] as const;
      const placeMs = Math.max(1, Math.ceil(spanMs / PLACES));
      const [heard, delegations, tools] = await Promise.all([
        db.query<HeardRow>(HEARD, [...of, from, `${placeMs} milliseconds`]),
        db.query<DelegationRow>(DELEGATIONS, [...of, TIMELINE_SPANS]),
        db.query<ToolRow>(TOOLS, [...of, TIMELINE_SPANS]),
      ]);
      const isOver = isWorkOver(facts.phase);
      const openTasks = new Set(delegations.flatMap(({ id, to_at: until }) => (until ? [] : `delegate:${id}`)));
      const turns = turnsOf(heard).map((turn) => toTurn(turn, isOver, openTasks));
      // The shortest tool calls stand last.
      const all = [
        ...delegations.map((row) => toDelegation(row, isOver)),
        ...turns,
        ...tools.map((row) => toTool(row, isOver)),
      ];
      const spans = all
        .slice(0, TIMELINE_SPANS)
        .sort((one, other) => one.from.getTime() - other.from.getTime() || one.seq - other.seq);
      const found = Number(delegations[0]?.found ?? 0) + turns.length + Number(tools[0]?.found ?? 0);
      return {
        ...{ dueAt: facts.scheduled_for, phases: phasesOf(toInstants(facts)), spans, omitted: found - spans.length },
        agents: facts.agents.map((agent) => toLane(agent, heard, spanMs)),
      };
    },
  };
}

interface TurnRow extends HeardRow {
  readonly turn: string;
}

/** By their beginning. */
function turnsOf(heard: readonly HeardRow[]): readonly TurnRow[] {
  const turns = new Map<string, TurnRow>();
  for (const row of heard) {
    const { agent, turn, to_at: to } = row;
    if (turn === null) continue;
    const key = JSON.stringify([agent, turn]);
    const known = turns.get(key);
    turns.set(key, known ? { ...known, to_at: to > known.to_at ? to : known.to_at } : { ...row, turn });
  }
  return [...turns.values()];
}

function toInstants(row: FactsRow): PhaseInstants {
  return {
    ...{ phase: row.phase, queuedAt: row.queued_at, startedAt: row.started_at, permittedAt: row.permitted_at },
    ...{ sentAt: row.sent_at, workEndedAt: row.work_ended_at, concludedAt: row.concluded_at },
    ...{ teardownBegunAt: row.teardown_begun_at, removedAt: row.removed_at, finishedAt: row.finished_at },
  };
}

function toLane(agent: FactsRow['agents'][number], rows: readonly HeardRow[], spanMs: number): AgentLane {
  const instantOf = (at: string | null): Date | null => (at === null ? null : new Date(at));
  const heard = rows
    .filter((row) => row.agent === agent.name)
    .map(({ from_at: from, to_at: to, seq }) => ({ from, to, seq }));
  return {
    ...{ name: agent.name, role: agent.role ?? '', startedAt: instantOf(agent.startedAt) },
    ...{ readyAt: instantOf(agent.readyAt), endedAt: instantOf(agent.endedAt), busy: joinBusy(heard, spanMs) },
  };
}

function toDelegation(row: DelegationRow, isOver: boolean): TimelineSpan {
  const state = row.to_at === null ? (isOver ? 'failed' : 'open') : row.is_failed === true ? 'failed' : 'done';
  return {
    ...{ kind: 'delegation', seq: row.seq, agent: row.agent, to: row.given_to ?? '', title: row.title ?? '' },
    ...{ from: row.from_at, until: row.to_at, state },
  };
}

/** The prompt's turn lasts as long as the work, a task's until it is answered. */
function toTurn(row: TurnRow, isOver: boolean, openTasks: ReadonlySet<string>): TimelineSpan {
  const title = row.turn;
  const isOpen = !isOver && (title.startsWith('prompt:') || openTasks.has(title));
  return {
    ...{ kind: 'turn', seq: row.seq, agent: row.agent, title, from: row.from_at },
    ...{ until: isOpen ? null : row.to_at, state: isOpen ? 'open' : 'done' },
  };
}

function toTool(row: ToolRow, isOver: boolean): TimelineSpan {
  const isEnded = row.status === 'completed' || row.status === 'failed';
  const state = row.status === 'failed' || (!isEnded && isOver) ? 'failed' : isEnded ? 'done' : 'open';
  return {
    ...{ kind: 'tool', seq: row.seq, agent: row.agent, title: row.title ?? '', from: row.from_at },
    ...{ until: state === 'open' ? null : row.to_at, state },
  };
}
