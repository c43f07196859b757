import type { JoinedPage, RunArchive } from '@crewtab/domain/ports/management-store';
import { joinPieces, type JoinedMessage } from '@crewtab/domain/runs/joined-conversation';
import { MESSAGE_PAGE, type ListedMessage } from '@crewtab/domain/runs/message';
import { isId, type Database, type Statement } from '../database/database';
import { COLUMNS, TEXT_OF, toMessage, type MessageRow } from './conversation-pages';

/** Stored messages that are looked at for first pieces at a time: a long output is thousands of pieces of one message. */
const SCANNED = 5_000;
/** Of one message: so many pieces from its beginning, and so many at its end, where a tool call says how it ended. */
const FIRST_PIECES = 1_000;
const LAST_PIECES = 3;
/** Bytes of those at the beginning; a page of the most messages is read within `MESSAGE_PAGE.readBytes`. */
const PIECES_BYTES = MESSAGE_PAGE.readBytes / 100;

/** First pieces, and messages that are none. Parameters: organization, run, after, limit. */
const HEADS: Statement = {
  name: 'conversation_heads',
  text: `WITH scanned AS MATERIALIZED (
      SELECT m.seq, m.agent, m.block FROM messages m
      WHERE m.organization_id = $1 AND m.run_id = $2 AND m.seq > $3 ORDER BY m.seq LIMIT ${SCANNED}),
    heads AS (
      SELECT s.* FROM scanned s
      WHERE s.block IS NULL OR NOT EXISTS (
        SELECT 1 FROM messages p WHERE p.run_id = $2 AND p.agent = s.agent AND p.block = s.block AND p.seq < s.seq)
      ORDER BY s.seq LIMIT $4)
    SELECT r.last_seq, (SELECT max(seq) FROM scanned) AS scanned_to, heads.seq, heads.agent, heads.block
    FROM schedule_runs r LEFT JOIN heads ON true WHERE r.organization_id = $1 AND r.id = $2 ORDER BY heads.seq`,
};

/** Of one head: $3 its seq, $4 its agent and $5 its block; a message without a block is its only piece. */
const PIECES: Statement = {
  name: 'conversation_pieces',
  text: `WITH own AS NOT MATERIALIZED (
      SELECT m.* FROM messages m WHERE m.organization_id = $1 AND m.run_id = $2 AND m.agent = $4 AND m.block = $5 AND m.seq >= $3),
    first AS MATERIALIZED (
      SELECT sized.seq, sized.size FROM (
        SELECT f.seq, f.size, sum(f.size) OVER (ORDER BY f.seq) AS read
        FROM (SELECT o.seq, octet_length(o.content::text) AS size FROM own o ORDER BY o.seq LIMIT ${FIRST_PIECES}) AS f) AS sized
      WHERE sized.read <= ${PIECES_BYTES} OR sized.seq = $3),
    chosen AS (
      SELECT seq, size FROM first
      UNION SELECT l.seq, octet_length(l.content::text) FROM (SELECT o.seq, o.content FROM own o ORDER BY o.seq DESC LIMIT ${LAST_PIECES}) AS l
      UNION SELECT m.seq, octet_length(m.content::text) FROM messages m WHERE m.organization_id = $1 AND m.run_id = $2 AND m.seq = $3)
    SELECT ${COLUMNS}, CASE WHEN c.size > ${PIECES_BYTES} THEN left((SELECT ${TEXT_OF}), ${MESSAGE_PAGE.beginning}) END AS beginning,
      CASE WHEN c.size <= ${PIECES_BYTES} THEN m.content END AS content, (SELECT count(*)::int FROM own) AS pieces
    FROM chosen c JOIN messages m ON m.run_id = $2 AND m.seq = c.seq ORDER BY m.seq`,
};

interface HeadRow {
  readonly last_seq: number;
  readonly scanned_to: number | null;
  /** Null: there is none. */
  readonly seq: number | null;
  readonly agent: string | null;
  readonly block: string | null;
}

type PieceRow = MessageRow & { readonly beginning: string | null; readonly pieces: number };

/** Conversations with the pieces of messages joined. */
export function joinedPages(db: Database): Pick<RunArchive, 'listJoined'> {
  return {
    async listJoined(organizationId, runId, after, limit): Promise<JoinedPage | null> {
      if (!isId(runId)) return null;
      for (let from = after; ;) {
        const rows = await db.query<HeadRow>(HEADS, [organizationId, runId, from, limit]);
        const [first] = rows;
        if (!first) return null;
        const { last_seq: lastSeq, scanned_to: scannedTo } = first;
        const heads = rows.flatMap(({ seq, agent, block }) => (seq === null ? [] : [{ seq, agent, block }]));
        const items = await readWhileTheyFit(db, [organizationId, runId], heads);
        const reached = items.length < heads.length || heads.length === limit ? items.at(-1)?.seq : scannedTo;
        const next = reached !== null && reached !== undefined && reached < lastSeq ? reached : null;
        // Pieces of messages that began before: there may be one behind them.
        if (items.length > 0 || next === null) return { items, next };
        from = next;
      }
    },
  };
}

type Head = Pick<MessageRow, 'seq' | 'agent' | 'block'>;

async function readWhileTheyFit(
  db: Database,
  run: readonly string[],
  heads: readonly Head[],
): Promise<readonly JoinedMessage[]> {
  const items: JoinedMessage[] = [];
  let shownBytes = 0;
  for (const { seq, agent, block } of heads) {
    const rows = await db.query<PieceRow>(PIECES, [...run, seq, agent, block]);
    const read = rows.map(toListed);
    const last = rows.at(-1);
    // Deleted meanwhile, with the conversation.
    if (!last) continue;
    const joined = joinPieces({ read, count: Math.max(1, last.pieces), last });
    shownBytes += Buffer.byteLength(JSON.stringify(joined.content));
    if (shownBytes > MESSAGE_PAGE.shownBytes && items.length > 0) break;
    items.push(joined);
  }
  return items;
}

function toListed(row: PieceRow): ListedMessage {
  if (row.beginning === null) return toMessage(row, row.content);
  return { ...toMessage(row, { text: row.beginning }), isTruncated: true };
}
