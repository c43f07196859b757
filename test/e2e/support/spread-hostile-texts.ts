import type { Client } from 'pg';
import { HOSTILE_TEXTS } from './hostile-texts';

/** Ids of the runs that one text was written into. */
export interface HostileRuns {
  readonly success: string;
  readonly failed: string;
}

/** Each text into a schedule of its own: its names, its prompt, its newest success and its newest failure. */
export async function spreadHostileTexts(client: Client): Promise<HostileRuns[]> {
  const runs: HostileRuns[] = [];
  const { rows: teams } = await client.query<{ id: string }>('SELECT id FROM teams ORDER BY id');
  for (const [at, { id }] of teams.entries()) {
    const { text } = HOSTILE_TEXTS[at + 3] ?? { text: '' };
    await client.query('UPDATE teams SET name = left($2, 63), description = left($3, 1000) WHERE id = $1', [
      ...[id, nameOf(text), text.replaceAll('\u0000', '')],
    ]);
  }
  const { rows: schedules } = await client.query<{ id: string }>('SELECT id FROM schedules ORDER BY id');
  for (const [at, { text: raw }] of HOSTILE_TEXTS.entries()) {
    const text = raw.replaceAll('\u0000', '');
    const scheduleId = schedules[at]?.id;
    await client.query(
      'UPDATE schedules SET name = left($2, 100), prompt = left($3, 50000), note = left($3, 500) WHERE id = $1',
      [...[scheduleId, nameOf(text), text]],
    );
    const { rows: ended } = await client.query<{ id: string }>(
      `SELECT id FROM schedule_runs WHERE schedule_id = $1 AND started_at IS NOT NULL AND phase = 'finished'
       ORDER BY id DESC LIMIT 2`,
      [scheduleId],
    );
    const [success = '', failed = ''] = ended.map(({ id }) => id);
    const warnings = JSON.stringify([{ code: 'output_cut', message: text.slice(0, 1_000) }]);
    await client.query(
      `UPDATE schedule_runs SET status = 'success', result = $2, error_code = NULL, error_message = NULL,
         team_name = left($3, 63), warnings = $4 WHERE id = $1`,
      [success, text, nameOf(text), warnings],
    );
    await client.query(
      `UPDATE schedule_runs SET status = 'failed', result = NULL, error_code = 'agent_error', error_message = left($2, 2000),
         team_name = left($3, 63) WHERE id = $1`,
      [failed, text, nameOf(text)],
    );
    const { rows: owner } = await client.query<{ organization_id: string; started_at: Date }>(
      'SELECT organization_id, started_at FROM schedule_runs WHERE id = $1',
      [success],
    );
    await client.query('DELETE FROM messages WHERE run_id = $1', [success]);
    for (const [place, { agent, kind, content }] of messagesWith(text).entries())
      await client.query(
        'INSERT INTO messages (organization_id, run_id, seq, agent, kind, content, at) VALUES ($1, $2, $3, $4, $5, $6, $7)',
        [owner[0]?.organization_id, success, place + 1, agent, kind, JSON.stringify(content), owner[0]?.started_at],
      );
    runs.push({ success, failed });
  }
  return runs;
}

const nameOf = (text: string): string => text.replaceAll('\u0000', ' ').replaceAll('\n', ' ').slice(0, 63);

/** Every kind of row, full of it. */
function messagesWith(text: string) {
  const agent = nameOf(text);
  const title = text.slice(0, 4_000);
  const block = (own: string) => [{ type: 'content', content: { type: 'text', text: own } }];
  return [
    { agent, kind: 'prompt', content: { text: 'Say something.' } },
    { agent, kind: 'agent_message', content: { text } },
    { agent, kind: 'agent_thought', content: { text } },
    { agent, kind: 'plan', content: { entries: [{ content: title, status: 'pending' }] } },
    {
      agent,
      kind: 'tool_call',
      content: { toolCallId: '1', title, kind: text.slice(0, 20), status: 'pending', rawInput: { [agent]: text } },
    },
    {
      agent,
      kind: 'tool_result',
      content: {
        ...{ toolCallId: '1', status: 'completed' },
        content: [
          ...block(text),
          { type: 'diff', path: title, oldText: text.slice(0, 900), newText: text.slice(0, 1_000) },
        ],
      },
    },
    {
      agent,
      kind: 'permission',
      content: { request: { toolCall: { title } }, decision: 'allowed', option: { name: title } },
    },
    { agent, kind: 'delegation', content: { id: 'd1', to: agent, task: text } },
    { agent, kind: 'delegation', content: { id: 'd1', to: agent, text } },
    { agent, kind: 'network', content: { kind: 'refused', text: title } },
    { agent, kind: 'stderr', content: { text } },
    { agent, kind: 'other', content: { whatever: text } },
    { agent: null, kind: 'system', content: { text: 'The run ends as success.' } },
  ];
}
