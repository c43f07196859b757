import type { DeploymentView, NewTry, RunArchive } from '@crewtab/domain/ports/management-store';
import type { Run, RunPresets, ShownRun } from '@crewtab/domain/runs/run';
import type { OverlapPolicy } from '@crewtab/domain/schedules/schedule';
import { ViolationError, type Session, type Statement, RUN_CONTROL, isId, storableText } from '../database/database';
import {
  PLANNED,
  plannedOf,
  TEAM_AGENTS_JSON,
  type StoredAgent,
  selectRun,
  toRun,
  toShownRun,
  SHOWN_COLUMNS,
  type RunContext,
  type RunRow,
  type ShownRow,
} from '../runs/run-row';
import { viaPrisma } from '../database/store-errors';
import type { PrismaClient } from '../generated/client';
import { askToEnd, CANCEL_WORDS, COUNT_ACTIVE, replaceActive, SKIPPED } from '../runs/cancel-runs';
import { readAgentUsages } from '../runs/agent-usages';
import { conversationPages } from '../runs/conversation-pages';
import { conversationSearch } from '../runs/conversation-search';
import { joinedPages } from '../runs/joined-pages';
import { runTimelines } from '../runs/run-timelines';
import { runLists } from './run-lists';
import { runNeighbours } from './run-neighbours';

/** Read without a lock, since firing skips a schedule that is locked: only policies that look at other runs lock it. */
const OVERLAP_OF: Statement = {
  name: 'archive_overlap_of',
  text: `SELECT overlap FROM schedules WHERE organization_id = $1 AND id = $2`,
};

const LOCK_SCHEDULE: Statement = {
  name: 'archive_lock_schedule',
  text: `SELECT overlap FROM schedules WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE`,
};

/** Parameter $3: whether the overlap policy wants it skipped; $5: because of which run. */
const STATE_COLUMNS = 'status, phase, finished_at, error_code, error_message, blocked_by';
const STATE_VALUES = `CASE WHEN $3::boolean THEN 'skipped' ELSE 'queued' END::run_status,
      CASE WHEN $3::boolean THEN 'finished' ELSE 'queued' END::run_phase, CASE WHEN $3::boolean THEN now() END,
      CASE WHEN $3::boolean THEN '${SKIPPED.code}' END, CASE WHEN $3::boolean THEN '${SKIPPED.message}' END,
      CASE WHEN $3::boolean THEN $5::uuid END`;

const INSERT_MANUAL: Statement = {
  name: 'archive_insert_manual',
  text: `WITH made AS (
      INSERT INTO schedule_runs (organization_id, schedule_id, team_id, trigger, scheduled_for, request_key, ${STATE_COLUMNS},
        team_name, network, network_hosts, workspace, prompt, has_own_prompt, timeout_ms, ${PLANNED}, agents, exclusive)
      SELECT s.organization_id, s.id, t.id, 'manual', now(), $4, ${STATE_VALUES},
        t.name, t.network, t.network_hosts, t.workspace, COALESCE($6, s.prompt), $6 IS NOT NULL, s.timeout_ms, ${plannedOf('s')}, ${TEAM_AGENTS_JSON}, s.overlap <> 'allow'
      FROM schedules s JOIN teams t ON t.organization_id = s.organization_id AND t.id = s.team_id
      WHERE s.organization_id = $1 AND s.id = $2 AND s.deleted_at IS NULL RETURNING *)
    ${selectRun({ run: 'made' })}`,
};

/** Copies prompt, team and timeout of the earlier run, whatever the schedule has now. */
const INSERT_RERUN: Statement = {
  name: 'archive_insert_rerun',
  text: `WITH made AS (
      INSERT INTO schedule_runs (organization_id, schedule_id, team_id, trigger, scheduled_for, request_key, ${STATE_COLUMNS},
        team_name, network, network_hosts, workspace, prompt, has_own_prompt, window_start, window_end, timeout_ms, ${PLANNED}, agents, exclusive)
      SELECT e.organization_id, e.schedule_id, e.team_id, 'rerun', now(), $4, ${STATE_VALUES},
        e.team_name, e.network, e.network_hosts, e.workspace, e.prompt, e.has_own_prompt, e.window_start, e.window_end, e.timeout_ms, ${plannedOf('e')}, e.agents, COALESCE(s.overlap <> 'allow', false)
      FROM schedule_runs e LEFT JOIN schedules s ON s.id = e.schedule_id
      WHERE e.organization_id = $1 AND e.id = $2 RETURNING *)
    ${selectRun({ run: 'made' })}`,
};

const INSERT_TRY: Statement = {
  name: 'archive_insert_try',
  text: `WITH made AS (
      INSERT INTO schedule_runs (organization_id, team_id, trigger, scheduled_for, request_key, team_name, network, network_hosts,
        workspace, prompt, timeout_ms, agents, exclusive)
      SELECT t.organization_id, t.id, 'manual', now(), $3, t.name, t.network, t.network_hosts, t.workspace, $4, $5, ${TEAM_AGENTS_JSON}, false
      FROM teams t WHERE t.organization_id = $1 AND t.id = $2 RETURNING *)
    ${selectRun({ run: 'made' })}`,
};

/** The run that a request with this key has made before. */
const RUN_OF_REQUEST: Statement = {
  name: 'archive_run_of_request',
  text: `${selectRun({ run: 'schedule_runs' })} WHERE r.organization_id = $1 AND r.request_key = $2`,
};

/** A key may be used anew after a day: its stored answer lasts as long. */
const FORGET_OLD_REQUEST: Statement = {
  name: 'archive_forget_old_request',
  text: `UPDATE schedule_runs SET request_key = NULL
    WHERE organization_id = $1 AND request_key = $2 AND queued_at <= now() - interval '24 hours'`,
};

const SCHEDULE_OF: Statement = {
  name: 'archive_schedule_of',
  text: 'SELECT schedule_id FROM schedule_runs WHERE organization_id = $1 AND id = $2',
};

const REQUEST_CANCEL: Statement = {
  name: 'archive_request_cancel',
  text: `WITH asked AS (
      ${askToEnd(`'cancelled'`, `'${CANCEL_WORDS.cancelled}'`)}
      WHERE r.organization_id = $1 AND r.id = $2 AND r.finished_at IS NULL AND r.phase NOT IN ('collecting', 'tearing_down') RETURNING r.*),
    told AS MATERIALIZED (SELECT pg_notify('${RUN_CONTROL}', id::text) FROM asked)
    SELECT whole.* FROM (${selectRun({ run: 'asked' }, SHOWN_COLUMNS)}) AS whole, told`,
};

const GET_RUN: Statement = {
  name: 'archive_get_run',
  text: `${selectRun({ run: 'schedule_runs' }, SHOWN_COLUMNS)} WHERE r.organization_id = $1 AND r.id = $2`,
};

const WITH_RUN = {
  run: { select: { teamId: true, agents: true, presets: true, teardownVerifiedAt: true } },
  agents: { orderBy: { position: 'asc' } },
} as const;

export class PrismaRunArchive implements RunArchive {
  readonly listMessages: RunArchive['listMessages'];
  readonly listMessagesBefore: RunArchive['listMessagesBefore'];
  readonly searchMessages: RunArchive['searchMessages'];
  readonly readOutline: RunArchive['readOutline'];
  readonly readTimeline: RunArchive['readTimeline'];
  readonly listJoined: RunArchive['listJoined'];
  readonly getMessage: RunArchive['getMessage'];
  readonly readMessageText: RunArchive['readMessageText'];
  readonly findNeighbours: RunArchive['findNeighbours'];
  readonly listRuns: RunArchive['listRuns'];
  readonly countRuns: RunArchive['countRuns'];

  constructor(
    private readonly context: RunContext,
    private readonly prisma: PrismaClient,
  ) {
    const pages = conversationPages(context.db);
    this.listMessages = pages.listMessages;
    this.listMessagesBefore = pages.listMessagesBefore;
    const search = conversationSearch(context.db);
    this.searchMessages = search.searchMessages;
    this.readOutline = search.readOutline;
    this.readTimeline = runTimelines(context.db).readTimeline;
    this.listJoined = joinedPages(context.db).listJoined;
    this.getMessage = pages.getMessage;
    this.readMessageText = pages.readMessageText;
    this.findNeighbours = runNeighbours(context.db).findNeighbours;
    const lists = runLists(context.db);
    this.listRuns = lists.listRuns;
    this.countRuns = lists.countRuns;
  }

  async createManualRun(
    organizationId: string,
    scheduleId: string,
    requestKey: string | null = null,
    prompt: string | null = null,
  ): Promise<Run | null> {
    if (!isId(scheduleId)) return null;
    return this.createRun(organizationId, scheduleId, INSERT_MANUAL, scheduleId, requestKey, [prompt]);
  }

  async createTry(
    organizationId: string,
    teamId: string,
    { prompt, timeoutMs }: NewTry,
    requestKey: string | null = null,
  ): Promise<Run | null> {
    if (!isId(teamId)) return null;
    return this.insertRun(organizationId, requestKey, async (session) => {
      const values = [organizationId, teamId, requestKey, storableText(prompt), timeoutMs];
      const [run] = await session.query<RunRow>(INSERT_TRY, values);
      return run;
    });
  }

  async createRerun(organizationId: string, runId: string, requestKey: string | null = null): Promise<Run | null> {
    if (!isId(runId)) return null;
    const [earlier] = await this.context.db.query<Pick<RunRow, 'schedule_id'>>(SCHEDULE_OF, [organizationId, runId]);
    return earlier ? this.createRun(organizationId, earlier.schedule_id, INSERT_RERUN, runId, requestKey) : null;
  }

  async requestCancel(organizationId: string, runId: string): Promise<{ run: ShownRun; wasTerminal: boolean } | null> {
    if (!isId(runId)) return null;
    const [row] = await this.context.db.query<ShownRow>(REQUEST_CANCEL, [organizationId, runId]);
    if (row) {
      this.context.changes.touch(runId);
      return { run: toShownRun(row), wasTerminal: false };
    }
    const run = await this.getRun(organizationId, runId);
    return run && { run, wasTerminal: true };
  }

  async getRun(organizationId: string, id: string): Promise<ShownRun | null> {
    if (!isId(id)) return null;
    const [row] = await this.context.db.query<ShownRow>(GET_RUN, [organizationId, id]);
    return row ? toShownRun(row) : null;
  }

  async getDeployment(organizationId: string, id: string): Promise<DeploymentView | null> {
    if (!isId(id)) return null;
    const row = await viaPrisma(
      this.prisma.deployment.findUnique({ where: { id, organizationId }, include: WITH_RUN }),
    );
    if (!row) return null;
    const { runId, name, host, runtime, createdAt, run } = row;
    const usages = await readAgentUsages(this.context.db, runId);
    const planned = new Map((run.agents as unknown as StoredAgent[]).map((agent) => [agent.name, agent]));
    const agents = row.agents.map((agent) => ({
      name: agent.name,
      role: planned.get(agent.name)?.role ?? '',
      protocol: planned.get(agent.name)?.protocol ?? '',
      image: imageOf(planned.get(agent.name), run.presets as RunPresets | null),
      // Null until the agent is started, and where a worker of an earlier version has started it.
      container: agent.container ?? `${name}-${agent.name}`,
      handle: agent.handle,
      startedAt: agent.startedAt,
      readyAt: agent.readyAt,
      usage: usages.get(agent.name) ?? null,
    }));
    return { id, runId, teamId: run.teamId, name, host, runtime, createdAt, removedAt: run.teardownVerifiedAt, agents };
  }

  /**
   * @param sourceId what `insert` copies from: the schedule, or the earlier run
   * @param more parameters of `insert` behind the first five
   */
  private createRun(
    organizationId: string,
    scheduleId: string | null,
    insert: Statement,
    sourceId: string,
    requestKey: string | null,
    more: readonly unknown[] = [],
  ): Promise<Run | null> {
    return this.insertRun(organizationId, requestKey, async (session) => {
      const blockedBy = scheduleId === null ? null : await applyOverlap(session, organizationId, scheduleId);
      const values = [organizationId, sourceId, blockedBy !== null, requestKey, blockedBy, ...more];
      const [run] = await session.query<RunRow>(insert, values);
      return run;
    });
  }

  /** Once for each key, whichever attempt comes first. */
  private async insertRun(
    organizationId: string,
    requestKey: string | null,
    insert: (session: Session) => Promise<RunRow | undefined>,
  ): Promise<Run | null> {
    const { db, changes } = this.context;
    try {
      const row = await db.transaction(async (session) => {
        const made = requestKey === null ? null : await madeBefore(session, organizationId, requestKey);
        return made ?? insert(session);
      }, 'postgres.manual-run.commit');
      if (row) changes.touch(row.id);
      return row ? toRun(row, null) : null;
    } catch (error) {
      // The same request came twice at the same moment, and the other transaction has just committed.
      if (!(error instanceof ViolationError) || error.violation.constraint !== ONE_RUN_PER_REQUEST) throw error;
      const [row] = await db.query<RunRow>(RUN_OF_REQUEST, [organizationId, requestKey]);
      return row ? toRun(row, null) : null;
    }
  }
}

function imageOf(agent: StoredAgent | undefined, presets: RunPresets | null): string | null {
  return agent?.image ?? presets?.[agent?.preset ?? '']?.image ?? null;
}

const ONE_RUN_PER_REQUEST = 'schedule_runs_organization_id_request_key_key';

async function madeBefore(session: Session, organizationId: string, requestKey: string): Promise<RunRow | null> {
  await session.query(FORGET_OLD_REQUEST, [organizationId, requestKey]);
  const [row] = await session.query<RunRow>(RUN_OF_REQUEST, [organizationId, requestKey]);
  return row ?? null;
}

/** Applies the overlap policy to a new run of the schedule, or answers the run because of which it is to be skipped. */
async function applyOverlap(session: Session, organizationId: string, scheduleId: string): Promise<string | null> {
  const [first] = await session.query<{ overlap: OverlapPolicy }>(OVERLAP_OF, [organizationId, scheduleId]);
  if (!first || first.overlap === 'allow') return null;
  const [locked] = await session.query<{ overlap: OverlapPolicy }>(LOCK_SCHEDULE, [organizationId, scheduleId]);
  const [counted] = await session.query<{ oldest_id: string | null }>(COUNT_ACTIVE, [scheduleId]);
  if (!counted?.oldest_id) return null;
  if (locked?.overlap === 'replace') await replaceActive(session, scheduleId);
  return locked?.overlap === 'skip' ? counted.oldest_id : null;
}
