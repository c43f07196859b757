import type { MessagePage, MessagePageRequest, RunArchive, TextSlice } from '@crewtab/domain/ports/management-store';
import {
  MESSAGE_PAGE,
  type Message,
  type MessageContent,
  type MessageKind,
  type MessageOrigin,
} from '@crewtab/domain/runs/message';
import type { Database, Statement } from '../database/database';
import { isId } from '../database/database';

/**
 * What a truncated message shows the beginning of: its text, or the JSON of any other content. Decompresses the content of
 * a text once: a mention of `m.content` is a decompression each.
 */
export const TEXT_OF = `(SELECT CASE WHEN count(*) = 1 AND bool_and(field.key = 'text' AND jsonb_typeof(field.value) = 'string')
    THEN max(field.value #>> '{}') ELSE m.content::text END FROM jsonb_each(m.content) AS field)`;

/** Of a message `m`, without its content. */
export const COLUMNS = 'm.seq, m.at, m.agent, m.kind, m.message_id, m.tool_call_id, m.session, m.turn, m.block';

/** Larger than any content. */
const NO_LIMIT = 2_147_483_647;

type Direction = 'forward' | 'back';

/** The next message behind a seq, or before it, that is of the agent and the kinds that are asked for. */
const measured = (direction: Direction, from: string): string => `
  SELECT sized.seq, sized.read, CASE WHEN sized.read > $5 THEN left((SELECT ${TEXT_OF} FROM messages m
      WHERE m.run_id = $2 AND m.seq = sized.seq), $5) END AS beginning
  FROM (
    SELECT m.seq, octet_length(m.content::text) AS read FROM messages m
    WHERE m.organization_id = $1 AND m.run_id = $2 AND m.seq ${direction === 'forward' ? '>' : '<'} ${from}
      AND ($8::text IS NULL OR m.agent = $8) AND ($9::message_kind[] IS NULL OR m.kind = ANY ($9))
    ORDER BY m.seq ${direction === 'forward' ? 'ASC' : 'DESC'} LIMIT 1 OFFSET 0) AS sized`;
const SHOWN = 'COALESCE(octet_length(to_json(next.beginning)::text), next.read)';

/** Goes from message to message and stops where the page is full: what lies behind is not read, however large it is. */
const list = (direction: Direction): Statement => ({
  name: `conversation_list_${direction}`,
  text: `WITH RECURSIVE page AS (
      SELECT next.seq, next.beginning, 1 AS items, next.read::int8 AS read, ${SHOWN}::int8 AS shown FROM (${measured(direction, '$3')}) AS next
      UNION ALL
      SELECT next.seq, next.beginning, page.items + 1, page.read + next.read, page.shown + ${SHOWN}
      FROM page CROSS JOIN LATERAL (${measured(direction, 'page.seq')}) AS next
      WHERE page.items < $4 AND page.read + next.read <= $6 AND page.shown + ${SHOWN} <= $7)
    SELECT r.last_seq, ${COLUMNS}, page.beginning, CASE WHEN page.beginning IS NULL THEN m.content END AS content
    FROM schedule_runs r
    LEFT JOIN page ON true
    LEFT JOIN messages m ON m.run_id = r.id AND m.seq = page.seq
    WHERE r.organization_id = $1 AND r.id = $2 ORDER BY page.seq`,
});
const LIST = list('forward');
const LIST_BACK = list('back');

const GET: Statement = {
  name: 'conversation_get',
  text: `SELECT ${COLUMNS}, m.content FROM messages m
    WHERE m.organization_id = $1 AND m.run_id = $2 AND m.seq = $3`,
};

const READ_TEXT: Statement = {
  name: 'conversation_read_text',
  text: `SELECT substr(whole.text, $4::int + 1, $5) AS text, length(whole.text) AS length
    FROM (SELECT ${TEXT_OF} AS text FROM messages m WHERE m.organization_id = $1 AND m.run_id = $2 AND m.seq = $3 OFFSET 0) AS whole`,
};

export interface MessageRow {
  readonly seq: number;
  readonly at: Date;
  readonly agent: string | null;
  readonly kind: MessageKind;
  readonly content: MessageContent;
  readonly message_id: string | null;
  readonly tool_call_id: string | null;
  readonly session: string | null;
  readonly turn: string | null;
  readonly block: string | null;
}

/** A run without messages has one row without any. */
type ListedRow = { readonly last_seq: number; readonly beginning: string | null } & (
  MessageRow | { readonly seq: null }
);

/** What the API reads of conversations: in pages and slices, whatever an agent has written. */
export function conversationPages(
  db: Database,
): Pick<RunArchive, 'listMessages' | 'listMessagesBefore' | 'getMessage' | 'readMessageText'> {
  return {
    async listMessages(organizationId, runId, after, request): Promise<MessagePage | null> {
      if (!isId(runId)) return null;
      const values = [organizationId, runId, after, ...boundsOf(request), ...narrowedBy(request)];
      const rows = await db.query<ListedRow>(LIST, values);
      const [first] = rows;
      if (!first) return null;
      const items = rows.flatMap((row) => (row.seq === null ? [] : [toListed(row, row.beginning)]));
      const last = items.at(-1);
      return { items, hasMore: last !== undefined && last.seq < first.last_seq };
    },

    async listMessagesBefore(organizationId, runId, before, request): Promise<MessagePage | null> {
      if (!isId(runId)) return null;
      const values = [organizationId, runId, before, ...boundsOf(request), ...narrowedBy(request)];
      const rows = await db.query<ListedRow>(LIST_BACK, values);
      if (!rows[0]) return null;
      const items = rows.flatMap((row) => (row.seq === null ? [] : [toListed(row, row.beginning)]));
      return { items, hasMore: (items[0]?.seq ?? 1) > 1 };
    },

    async getMessage(organizationId, runId, seq): Promise<Message | null> {
      if (!isId(runId)) return null;
      const [row] = await db.query<MessageRow>(GET, [organizationId, runId, seq]);
      return row ? toMessage(row, row.content) : null;
    },

    async readMessageText(organizationId, runId, seq, offset): Promise<TextSlice | null> {
      if (!isId(runId)) return null;
      const values = [organizationId, runId, seq, offset, MESSAGE_PAGE.slice];
      const [row] = await db.query<{ text: string; length: number }>(READ_TEXT, values);
      return row ? { ...row, offset } : null;
    },
  };
}

function boundsOf({ limit, contents }: MessagePageRequest): readonly number[] {
  const { beginning, readBytes, shownBytes } = MESSAGE_PAGE;
  return [limit, contents === 'whole' ? NO_LIMIT : beginning, readBytes, shownBytes];
}

/** The parameters $8 and $9. */
function narrowedBy({ agent, kinds }: MessagePageRequest): readonly unknown[] {
  return [agent ?? null, kinds ?? null];
}

function toListed(row: MessageRow, beginning: string | null): MessagePage['items'][number] {
  if (beginning === null) return toMessage(row, row.content);
  return { ...toMessage(row, { text: beginning }), isTruncated: true };
}

export function toMessage(row: MessageRow, content: MessageContent): Message {
  const { seq, at, agent, kind, message_id: messageId, tool_call_id: toolCallId, session, turn, block } = row;
  const known = Object.entries({ messageId, toolCallId, session, turn, block }).filter(([, value]) => value !== null);
  const origin = Object.fromEntries(known) as MessageOrigin;
  return { seq, at, agent, kind, content, ...(known.length > 0 && { origin }) };
}
