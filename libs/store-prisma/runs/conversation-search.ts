import {
  OUTLINE_COLUMNS,
  OUTLINE_PROBLEMS,
  type ConversationOutline,
  type MessageHit,
  type MessageHits,
  type OutlineColumn,
  type RunArchive,
} from '@crewtab/domain/ports/management-store';
import { isId, type Database, type Statement } from '../database/database';
import type { MessageRow } from './conversation-pages';

/** Messages that are looked at before the clock is. */
const SEARCHED = 5_000;
const SEARCH_LIMIT_MS = 2_000;
/** Of a snippet, characters beside what was found. */
const BESIDE = 60;

/**
 * A text as it stands in JSON is looked for in the JSON of a message, which skips most of them at once; what is found there
 * must stand in a text of it and not in a name. Parameters: organization, run, after, the text, last seq, limit.
 */
const SEARCH: Statement = {
  name: 'conversation_search',
  text: `SELECT m.seq, m.at, m.agent, m.kind, found.text, found.place FROM messages m
    CROSS JOIN LATERAL (
      SELECT each.text, strpos(lower(each.text), lower($4)) AS place
      FROM (SELECT value #>> '{}' AS text FROM jsonb_path_query(m.content, 'strict $.** ? (@.type() == "string")') AS value) AS each
      WHERE strpos(lower(each.text), lower($4)) > 0 LIMIT 1) AS found
    WHERE m.organization_id = $1 AND m.run_id = $2 AND m.seq > $3 AND m.seq <= $5
      AND strpos(lower(m.content::text), lower(substr(to_json($4::text)::text, 2, length(to_json($4::text)::text) - 2))) > 0
    ORDER BY m.seq LIMIT $6`,
};

/** Cut in the database: a text may be megabytes long. */
const SNIPPETS: Statement = {
  ...SEARCH,
  text: `SELECT hit.seq, hit.at, hit.agent, hit.kind,
      substr(hit.text, greatest(1, hit.place - ${BESIDE}), least(${BESIDE}, hit.place - 1)) AS before,
      substr(hit.text, hit.place, length($4)) AS match, substr(hit.text, hit.place + length($4), ${BESIDE}) AS after
    FROM (${SEARCH.text}) AS hit ORDER BY hit.seq`,
};

const LAST_SEQ: Statement = {
  name: 'conversation_last_seq',
  text: 'SELECT last_seq FROM schedule_runs WHERE organization_id = $1 AND id = $2',
};

/** Stretches of $4 messages each behind $3. */
const COLUMNS: Statement = {
  name: 'conversation_outline',
  text: `SELECT min(counted.seq) AS seq, max(counted.last_seq) AS last_seq, min(counted.from_at) AS from_at, max(counted.to_at) AS to_at,
      COALESCE(jsonb_object_agg(counted.agent, counted.messages) FILTER (WHERE counted.agent IS NOT NULL), '{}') AS agents
    FROM (
      SELECT (m.seq - $3 - 1) / $4::int AS place, m.agent, min(m.seq) AS seq, max(m.seq) AS last_seq, min(m.at) AS from_at,
        max(m.at) AS to_at, count(*) AS messages
      FROM messages m WHERE m.organization_id = $1 AND m.run_id = $2 AND m.seq > $3 GROUP BY 1, 2) AS counted
    GROUP BY counted.place ORDER BY counted.place`,
};

const PROBLEMS: Statement = {
  name: 'conversation_problems',
  text: `SELECT m.seq FROM messages m
    WHERE m.organization_id = $1 AND m.run_id = $2 AND m.seq > $3 AND CASE m.kind
      WHEN 'tool_call' THEN m.content ->> 'status' = 'failed'
      WHEN 'tool_result' THEN m.content ->> 'status' = 'failed'
      WHEN 'permission' THEN m.content ->> 'decision' IS DISTINCT FROM 'allowed'
      WHEN 'network' THEN m.content ->> 'kind' IS DISTINCT FROM 'allowed'
      WHEN 'delegation' THEN m.content ? 'error'
      WHEN 'verification' THEN m.content ->> 'status' IS DISTINCT FROM 'passed'
      ELSE false END
    ORDER BY m.seq LIMIT ${OUTLINE_PROBLEMS}`,
};

type HitRow = Pick<MessageRow, 'seq' | 'at' | 'agent' | 'kind'> & MessageHit['snippet'];

interface ColumnRow {
  readonly seq: number;
  readonly last_seq: number;
  readonly from_at: Date;
  readonly to_at: Date;
  readonly agents: Readonly<Record<string, number>>;
}

/** What is found in a conversation without reading it whole. */
export function conversationSearch(db: Database): Pick<RunArchive, 'searchMessages' | 'readOutline'> {
  async function lastSeqOf(organizationId: string, runId: string): Promise<number | null> {
    if (!isId(runId)) return null;
    const [run] = await db.query<{ last_seq: number }>(LAST_SEQ, [organizationId, runId]);
    return run?.last_seq ?? null;
  }

  return {
    async searchMessages(organizationId, runId, { text, after, limit }): Promise<MessageHits | null> {
      const lastSeq = await lastSeqOf(organizationId, runId);
      if (lastSeq === null) return null;
      const until = performance.now() + SEARCH_LIMIT_MS;
      const items: MessageHit[] = [];
      let from = after;
      while (from < lastSeq && items.length < limit && performance.now() < until) {
        const to = from + SEARCHED;
        const values = [organizationId, runId, from, text, to, limit - items.length];
        const hits = (await db.query<HitRow>(SNIPPETS, values)).map(toHit);
        items.push(...hits);
        from = items.length < limit ? to : (items.at(-1)?.seq ?? to);
      }
      return { items, next: from < lastSeq ? from : null };
    },

    async readOutline(organizationId, runId, after): Promise<ConversationOutline | null> {
      const lastSeq = await lastSeqOf(organizationId, runId);
      if (lastSeq === null) return null;
      const length = Math.max(1, Math.ceil((lastSeq - after) / OUTLINE_COLUMNS));
      const [columns, problems] = await Promise.all([
        db.query<ColumnRow>(COLUMNS, [organizationId, runId, after, length]),
        db.query<{ seq: number }>(PROBLEMS, [organizationId, runId, after]),
      ]);
      // Messages that came in between would be one column more.
      return {
        lastSeq,
        columns: columns.slice(0, OUTLINE_COLUMNS).map(toColumn),
        problems: problems.map(({ seq }) => seq),
      };
    },
  };
}

function toHit({ seq, at, agent, kind, before, match, after }: HitRow): MessageHit {
  return { seq, at, agent, kind, snippet: { before, match, after } };
}

function toColumn({ seq, last_seq: lastSeq, from_at: from, to_at: to, agents }: ColumnRow): OutlineColumn {
  return { seq, lastSeq, from, to, agents };
}
