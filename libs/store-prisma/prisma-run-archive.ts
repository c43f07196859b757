import type { DeploymentView, Page, PageRequest, RunArchive, RunFilter } from '@crewtab/domain/ports/management-store';
import type { Message, MessageContent } from '@crewtab/domain/runs/message';
import type { Run } from '@crewtab/domain/runs/run';
import type { OverlapPolicy } from '@crewtab/domain/schedules/schedule';
import {
  FORGET_OLD_REQUEST,
  GET_RUN,
  INSERT_MANUAL,
  INSERT_RERUN,
  LIST_RUNS,
  LIST_RUNS_OF_SCHEDULE,
  LOCK_SCHEDULE,
  OVERLAP_OF,
  REQUEST_CANCEL,
  RUN_OF_REQUEST,
  SCHEDULE_OF,
} from './archive-statements';
import { replaceActive } from './cancel-runs';
import { ViolationError, type Session, type Statement } from './database';
import { COUNT_ACTIVE } from './fire-statements';
import type { PrismaClient } from './generated/client';
import { decodeCursor, toPage } from './keyset';
import { viaPrisma } from './prisma-errors';
import type { RunContext } from './run-context';
import { toRun, type RunRow } from './run-row';
import type { StoredAgent } from './stored-agents';
import { isId } from './text';

const WITH_RUN = {
  run: { select: { teamId: true, agents: true, teardownVerifiedAt: true } },
  agents: { orderBy: { position: 'asc' } },
} as const;

export class PrismaRunArchive implements RunArchive {
  constructor(
    private readonly context: RunContext,
    private readonly prisma: PrismaClient,
  ) {}

  async createManualRun(
    organizationId: string,
    scheduleId: string,
    requestKey: string | null = null,
  ): Promise<Run | null> {
    if (!isId(scheduleId)) return null;
    return this.createRun(organizationId, scheduleId, INSERT_MANUAL, scheduleId, requestKey);
  }

  async createRerun(organizationId: string, runId: string, requestKey: string | null = null): Promise<Run | null> {
    if (!isId(runId)) return null;
    const [earlier] = await this.context.db.query<Pick<RunRow, 'schedule_id'>>(SCHEDULE_OF, [organizationId, runId]);
    return earlier ? this.createRun(organizationId, earlier.schedule_id, INSERT_RERUN, runId, requestKey) : null;
  }

  async requestCancel(organizationId: string, runId: string): Promise<{ run: Run; wasTerminal: boolean } | null> {
    if (!isId(runId)) return null;
    const [row] = await this.context.db.query<RunRow>(REQUEST_CANCEL, [organizationId, runId]);
    if (row) {
      this.context.changes.touch(runId);
      return { run: toRun(row, this.context.box), wasTerminal: false };
    }
    const run = await this.getRun(organizationId, runId);
    return run && { run, wasTerminal: true };
  }

  async getRun(organizationId: string, id: string): Promise<Run | null> {
    if (!isId(id)) return null;
    const [row] = await this.context.db.query<RunRow>(GET_RUN, [organizationId, id]);
    return row ? toRun(row, this.context.box) : null;
  }

  async listRuns(organizationId: string, filter: RunFilter, { limit, cursor }: PageRequest): Promise<Page<Run>> {
    const before = decodeCursor(cursor, 'instant');
    const { scheduleId, status = null, trigger = null, since = null, until = null } = filter;
    if (scheduleId !== undefined && !isId(scheduleId)) return { items: [], nextCursor: null };
    const values = [organizationId, before?.at ?? null, before?.id ?? null, status, trigger, since, until, limit + 1];
    const rows = await (scheduleId === undefined
      ? this.context.db.query<RunRow>(LIST_RUNS, values)
      : this.context.db.query<RunRow>(LIST_RUNS_OF_SCHEDULE, [...values, scheduleId]));
    return toPage(
      rows,
      limit,
      ({ id, scheduled_for: at }) => ({ id, at }),
      (row) => toRun(row, this.context.box),
    );
  }

  async listMessages(organizationId: string, runId: string, after: number, limit: number): Promise<Message[] | null> {
    if (!isId(runId)) return null;
    const where = { organizationId, runId, seq: { gt: after } };
    const rows = await viaPrisma(this.prisma.message.findMany({ where, orderBy: { seq: 'asc' }, take: limit }));
    if (rows.length === 0 && !(await this.hasRun(organizationId, runId))) return null;
    return rows.map(({ seq, at, agent, kind, content }) => ({
      seq,
      at,
      agent,
      kind,
      content: content as MessageContent,
    }));
  }

  async getDeployment(organizationId: string, id: string): Promise<DeploymentView | null> {
    if (!isId(id)) return null;
    const row = await viaPrisma(
      this.prisma.deployment.findUnique({ where: { id, organizationId }, include: WITH_RUN }),
    );
    if (!row) return null;
    const { runId, name, host, runtime, createdAt, run } = row;
    const planned = new Map((run.agents as unknown as StoredAgent[]).map((agent) => [agent.name, agent]));
    const agents = row.agents.map((agent) => ({
      name: agent.name,
      role: planned.get(agent.name)?.role ?? '',
      protocol: planned.get(agent.name)?.protocol ?? '',
      image: planned.get(agent.name)?.image ?? null,
      container: `${name}-${agent.name}`,
      handle: agent.handle,
      startedAt: agent.startedAt,
      readyAt: agent.readyAt,
    }));
    return { id, runId, teamId: run.teamId, name, host, runtime, createdAt, removedAt: run.teardownVerifiedAt, agents };
  }

  private async hasRun(organizationId: string, runId: string): Promise<boolean> {
    return (await viaPrisma(this.prisma.scheduleRun.count({ where: { id: runId, organizationId } }))) > 0;
  }

  /** @param sourceId what `insert` copies from: the schedule, or the earlier run */
  private async createRun(
    organizationId: string,
    scheduleId: string,
    insert: Statement,
    sourceId: string,
    requestKey: string | null,
  ): Promise<Run | null> {
    const { db, box } = this.context;
    try {
      const row = await db.transaction(async (session) => {
        const made = requestKey === null ? null : await madeBefore(session, organizationId, requestKey);
        if (made) return made;
        const shouldSkip = await applyOverlap(session, organizationId, scheduleId);
        const [run] = await session.query<RunRow>(insert, [organizationId, sourceId, shouldSkip, requestKey]);
        return run;
      }, 'postgres.manual-run.commit');
      return row ? toRun(row, box) : null;
    } catch (error) {
      // The same request came twice at the same moment, and the other one has just committed.
      if (!(error instanceof ViolationError) || error.violation.constraint !== ONE_RUN_PER_REQUEST) throw error;
      const [row] = await db.query<RunRow>(RUN_OF_REQUEST, [organizationId, requestKey]);
      return row ? toRun(row, box) : null;
    }
  }
}

const ONE_RUN_PER_REQUEST = 'schedule_runs_organization_id_request_key_key';

async function madeBefore(session: Session, organizationId: string, requestKey: string): Promise<RunRow | null> {
  await session.query(FORGET_OLD_REQUEST, [organizationId, requestKey]);
  const [row] = await session.query<RunRow>(RUN_OF_REQUEST, [organizationId, requestKey]);
  return row ?? null;
}

/** Makes room for a new run of the schedule, or answers true: it is to be skipped. */
async function applyOverlap(session: Session, organizationId: string, scheduleId: string): Promise<boolean> {
  const [first] = await session.query<{ overlap: OverlapPolicy }>(OVERLAP_OF, [organizationId, scheduleId]);
  if (!first || first.overlap === 'allow') return false;
  const [locked] = await session.query<{ overlap: OverlapPolicy }>(LOCK_SCHEDULE, [organizationId, scheduleId]);
  const [counted] = await session.query<{ active: number }>(COUNT_ACTIVE, [scheduleId]);
  if (!counted || counted.active === 0) return false;
  if (locked?.overlap === 'replace') await replaceActive(session, scheduleId);
  return locked?.overlap === 'skip';
}
