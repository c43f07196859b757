import type { JoinedMessage } from '../runs/joined-conversation';
import type { ListedMessage, Message, MessageKind } from '../runs/message';
import type { PromptFormat, PromptVariables } from '../runs/prompt-facts';
import type { ListedRun, Run, RunStatus, RunTrigger, ShownRun } from '../runs/run';
import type { RunTimeline } from '../runs/run-timeline';
import type { Usage } from '../runs/usage';
import type { VerifySpec } from '../runs/verification';
import type { Schedule, ScheduleStatus, CatchUpPolicy, OverlapPolicy } from '../schedules/schedule';
import type { AgentCheck, AgentEdit } from '../teams/edit-agents';
import type { TeamNetwork } from '../teams/network';
import type { Agent, Team } from '../teams/team';
import type { TeamWorkspace } from '../teams/workspace';

/**
 * What the REST API reads and writes. Every method says which organization; what belongs to another one is simply not
 * there. Lists are newest first; `cursor` is opaque and comes from the page before. A method answers null for an id
 * that does not exist, and throws `AppError` (`conflict`, `team_in_use`, `store_unreachable`) otherwise.
 */
export interface TeamStore {
  /**
   * With the `resourceId` of a reservation: once however many attempts make it; the present team is answered as it is
   * now. Throws `conflict` when the reservation has its answer already and the team was deleted since.
   */
  createTeam(organizationId: string, team: NewTeam, id?: string): Promise<Team>;
  listTeams(organizationId: string, page: PageRequest): Promise<Page<Team>>;
  getTeam(organizationId: string, id: string): Promise<Team | null>;
  /**
   * `agents`, when given, are all there are from now on; see `editAgents`, whose `AgentEditError` it throws, also where
   * `check` finds something.
   */
  updateTeam(organizationId: string, id: string, edit: TeamEdit, check?: AgentCheck): Promise<Team | null>;
  /** Throws `team_in_use` while schedules use it. Runs keep their own copy. */
  deleteTeam(organizationId: string, id: string): Promise<boolean>;
}

export interface NewTeam {
  readonly name: string;
  readonly description: string | null;
  readonly network: TeamNetwork;
  /** Absent: none. */
  readonly workspace?: TeamWorkspace | null;
  readonly agents: readonly Agent[];
}

export type TeamEdit = Partial<Omit<NewTeam, 'agents'>> & { readonly agents?: readonly AgentEdit[] };

export interface ScheduleStore {
  /**
   * `nextFireAt`/`followingFireAt` are computed by the caller; null when disabled. Null when the team is not there. With
   * the `resourceId` of a reservation: as `createTeam`.
   */
  createSchedule(
    organizationId: string,
    schedule: NewSchedule,
    instants: FireInstants,
    id?: string,
    by?: string,
  ): Promise<Schedule | null>;
  listSchedules(organizationId: string, filter: ScheduleFilter, page: PageRequest): Promise<Page<Schedule>>;
  getSchedule(organizationId: string, id: string): Promise<Schedule | null>;
  /**
   * `instants` when cron, timezone or enabled change; they take a fault away too. Throws `ScheduleDueError` then while an
   * instant of the old spec is due and has no row yet: it must be recorded first, or it would be lost. Once this has returned, no instant of the old spec later than
   * now fires any more (a firing transaction that holds the schedule is waited for, or the due instant is told of). Throws `not_found` with the path
   * `teamId` in its message when a new team is not there, and `ScheduleEditedError` when the schedule is not at the revision that
   * the edit is meant for.
   */
  updateSchedule(
    organizationId: string,
    id: string,
    patch: Partial<NewSchedule>,
    instants: FireInstants | null,
    edit?: ScheduleEdit,
  ): Promise<Schedule | null>;
  /** Also pause (`enabled: false`) and resume; the note is kept with the time. Throws `ScheduleDueError` as `updateSchedule` does. */
  setEnabled(
    organizationId: string,
    id: string,
    enabled: boolean,
    note: string | null,
    instants: FireInstants,
    by?: string,
  ): Promise<Schedule | null>;
  /** Its runs stay readable. Throws `ScheduleDueError` as `updateSchedule` does. */
  deleteSchedule(organizationId: string, id: string): Promise<boolean>;

  /** The next run begins with an empty workspace, where one is kept. False: there is no such schedule. */
  resetWorkspace(organizationId: string, id: string): Promise<boolean>;
}

/** The schedule has a due instant without a row; record it and try again. Nothing was changed. */
export class ScheduleDueError extends Error {
  constructor(readonly scheduleId: string) {
    super(`schedule ${scheduleId} has a due instant that is not recorded yet`);
    this.name = 'ScheduleDueError';
  }
}

/** Who edits, for the schedule's revisions. */
export interface ScheduleEdit {
  /** Of the API key. */
  readonly by?: string;
  /** The edit is meant for this revision and no other; undefined: for whichever there is. */
  readonly revision?: number;
}

/** The schedule was edited since the revision that an edit is meant for. Nothing was changed. */
export class ScheduleEditedError extends Error {
  constructor(readonly scheduleId: string) {
    super(`schedule ${scheduleId} was edited meanwhile`);
    this.name = 'ScheduleEditedError';
  }
}

export interface NewSchedule {
  readonly teamId: string;
  readonly name: string;
  readonly prompt: string;
  readonly promptFormat: PromptFormat;
  readonly variables: PromptVariables;
  readonly cron: string;
  readonly timezone: string;
  readonly enabled: boolean;
  readonly timeoutMs: number;
  readonly overlap: OverlapPolicy;
  readonly catchUp: CatchUpPolicy;
  readonly catchUpWindowMs: number;
  readonly allowEmpty: boolean;
  readonly allowOpenToolCalls: boolean;
  readonly verify: VerifySpec | null;
  readonly artifacts: readonly string[] | null;
}

export interface FireInstants {
  readonly nextFireAt: Date | null;
  readonly followingFireAt: Date | null;
}

export interface ScheduleFilter {
  readonly teamId?: string;
  readonly enabled?: boolean;
  readonly status?: ScheduleStatus;
  /** Is a part of its name, whatever the case. */
  readonly name?: string;
  /** Default: the newest first. */
  readonly sort?: ScheduleSort;
}

/** `next`: those that are due first come first, those that are paused last. */
export type ScheduleSort = 'newest' | 'name' | 'next';

/** Runs come without the environments of their agents. */
export interface RunArchive {
  /**
   * A manual run, or a rerun of an earlier one (whose prompt and agents as they were then are used again). Under
   * overlap `skip` with an active run it is recorded as `skipped`; under `replace` the active ones are asked to end.
   * Null when the schedule (or run) is not there. With a `requestKey` (the request's Idempotency-Key) at most one run is
   * made for it within a day, however often and wherever it is asked again: the run that was made is answered. A `prompt`
   * stands in for the schedule's in this one run.
   */
  createManualRun(
    organizationId: string,
    scheduleId: string,
    requestKey?: string | null,
    prompt?: string | null,
  ): Promise<Run | null>;
  createRerun(organizationId: string, runId: string, requestKey?: string | null): Promise<Run | null>;
  /** A run of the team as it is now, without a schedule; otherwise as `createManualRun`. Null when the team is not there. */
  createTry(organizationId: string, teamId: string, run: NewTry, requestKey?: string | null): Promise<Run | null>;
  /**
   * Queued and unclaimed: `cancelled` at once. Begun: the owner is told (NOTIFY; at latest with its lease renewal).
   * Terminal, or its outcome is decided: stays as it is (`wasTerminal`). Null when it is not there.
   */
  requestCancel(
    organizationId: string,
    runId: string,
  ): Promise<{ readonly run: ShownRun; readonly wasTerminal: boolean } | null>;
  getRun(organizationId: string, id: string): Promise<ShownRun | null>;
  /** Newest first, as far as `RUN_PAGE` allows. */
  listRuns(
    organizationId: string,
    filter: RunFilter,
    page: PageRequest & { readonly sort?: RunSort },
  ): Promise<Page<ListedRun>>;
  /** Of the runs that the filter asks for, whatever its `status`. */
  countRuns(organizationId: string, filter: RunFilter): Promise<RunCounts>;
  /** Oldest first, `seq > after`, as far as `MESSAGE_PAGE` allows. Null when the run is not there. */
  listMessages(
    organizationId: string,
    runId: string,
    after: number,
    request: MessagePageRequest,
  ): Promise<MessagePage | null>;
  /** The same before a seq: the newest of them, oldest first. `hasMore` says whether there may be earlier ones. */
  listMessagesBefore(
    organizationId: string,
    runId: string,
    before: number,
    request: MessagePageRequest,
  ): Promise<MessagePage | null>;
  /**
   * Messages behind a seq in which a text stands, literally and whatever its case, in one stored message. Looks until it has
   * `limit` of them or its time is over; `next` is where to go on. Null when the run is not there.
   */
  searchMessages(organizationId: string, runId: string, search: MessageSearch): Promise<MessageHits | null>;
  /** The messages behind a seq, in at most `OUTLINE_COLUMNS` stretches of equal length. Null when the run is not there. */
  readOutline(organizationId: string, runId: string, after: number): Promise<ConversationOutline | null>;
  /** How the run spent its time, with at most `TIMELINE_SPANS` spans. Null when the run is not there. */
  readTimeline(organizationId: string, runId: string): Promise<RunTimeline | null>;
  /**
   * The same with pieces joined, each message at the place of its first piece: those whose first piece has `seq > after`, as far
   * as `MESSAGE_PAGE` allows. A page may end early, and `next` is where to go on. Null when the run is not there.
   */
  listJoined(organizationId: string, runId: string, after: number, limit: number): Promise<JoinedPage | null>;
  /** Whole. Null when the message or its run is not there. */
  getMessage(organizationId: string, runId: string, seq: number): Promise<Message | null>;
  /** A slice of what `isTruncated` shows the beginning of. Null when the message or its run is not there. */
  readMessageText(organizationId: string, runId: string, seq: number, offset: number): Promise<TextSlice | null>;
  /** In the order in which they were due. Null when the run is not there. */
  findNeighbours(organizationId: string, runId: string): Promise<RunNeighbours | null>;
  getDeployment(organizationId: string, id: string): Promise<DeploymentView | null>;
}

/** Runs of the same schedule. */
export interface RunNeighbours {
  readonly previous: RunNeighbour | null;
  readonly next: RunNeighbour | null;
  /** Before this run. */
  readonly lastSuccess: RunNeighbour | null;
}

export type RunNeighbour = Pick<Run, 'id' | 'status' | 'scheduledFor'>;

export interface NewTry {
  readonly prompt: string;
  readonly timeoutMs: number;
}

export interface MessagePageRequest {
  readonly limit: number;
  /** `beginnings`: those that are too large are truncated. */
  readonly contents: 'whole' | 'beginnings';
  /** Only what this agent said or did. */
  readonly agent?: string;
  readonly kinds?: readonly MessageKind[];
}

export interface MessagePage {
  readonly items: readonly ListedMessage[];
  readonly hasMore: boolean;
}

export interface JoinedPage {
  readonly items: readonly JoinedMessage[];
  /** Null: these are all. */
  readonly next: number | null;
}

/** In characters, which are Unicode code points. */
export interface TextSlice {
  readonly text: string;
  readonly offset: number;
  /** Of the whole text. */
  readonly length: number;
}

export interface MessageSearch {
  readonly text: string;
  /** Exclusive. */
  readonly after: number;
  readonly limit: number;
}

export interface MessageHits {
  readonly items: readonly MessageHit[];
  /** Null: everything was looked at. */
  readonly next: number | null;
}

export interface MessageHit extends Pick<Message, 'seq' | 'at' | 'agent' | 'kind'> {
  /** Of the first place: what was found, as it stands there, and a little of what stands beside it. */
  readonly snippet: { readonly before: string; readonly match: string; readonly after: string };
}

export const OUTLINE_COLUMNS = 200;
/** Of what went wrong so many are named. */
export const OUTLINE_PROBLEMS = 500;

export interface ConversationOutline {
  /** Of the last message. */
  readonly lastSeq: number;
  readonly columns: readonly OutlineColumn[];
  /** Seqs of tool calls that failed, permissions and connections that were refused, tasks that came to nothing. */
  readonly problems: readonly number[];
}

export interface OutlineColumn {
  readonly seq: number;
  readonly lastSeq: number;
  readonly from: Date;
  readonly to: Date;
  /** Messages of each agent; what Crewtab itself says is in none. */
  readonly agents: Readonly<Record<string, number>>;
}

/** What a list of runs may be narrowed to. */
export interface RunCounts {
  /** Statuses without a run are left out; `RUN_COUNT_LIMIT` stands for that many or more. */
  readonly byStatus: Readonly<Partial<Record<RunStatus, number>>>;
  /** Every code that a run of the organization ended with. */
  readonly codes: readonly string[];
}

export interface RunFilter {
  readonly scheduleId?: string;
  readonly teamId?: string;
  /** Of its error. */
  readonly code?: string;
  readonly status?: RunStatus;
  readonly trigger?: RunTrigger;
  /** By scheduledFor, inclusive. */
  readonly since?: Date;
  /** By scheduledFor, exclusive. */
  readonly until?: Date;
  /** From startedAt to finishedAt, both inclusive: such runs have begun and are finished. */
  readonly minTookMs?: number;
  readonly maxTookMs?: number;
  /** Of finished runs whose cost is known and in one currency, both inclusive. */
  readonly minCost?: number;
  readonly maxCost?: number;
}

/** By scheduledFor; by what they took; by what they cost. Runs without such a value are not in the list. */
export const RUN_SORTS = ['newest', 'oldest', 'longest', 'shortest', 'costliest', 'cheapest'] as const;
export type RunSort = (typeof RUN_SORTS)[number];

export interface DeploymentView {
  readonly id: string;
  readonly runId: string;
  readonly teamId: string;
  readonly name: string;
  readonly host: string;
  readonly runtime: string;
  readonly createdAt: Date;
  /** When the engine was last seen clean of it; null before. */
  readonly removedAt: Date | null;
  readonly agents: readonly {
    readonly name: string;
    readonly role: string;
    readonly protocol: string;
    readonly image: string | null;
    readonly container: string;
    readonly handle: string | null;
    readonly startedAt: Date | null;
    readonly readyAt: Date | null;
    /** Null: it was given no turn. */
    readonly usage: Usage | null;
  }[];
}

export interface AccessStore {
  /** The organization and role of an API key, looked up by the SHA-256 of the key; null when unknown or revoked. */
  findKey(keyHash: string): Promise<ApiPrincipal | null>;
  /**
   * On a database without any key: makes the organization `default` with an admin key of this hash and answers true.
   * Safe when several processes start at once: exactly one is told true.
   */
  createFirstKey(keyHash: string, name: string): Promise<boolean>;
  hasAnyKey(): Promise<boolean>;
}

export interface ApiPrincipal {
  readonly keyId: string;
  readonly organizationId: string;
  readonly role: 'admin' | 'member';
}

/** Answers to POSTs with an Idempotency-Key, kept for 24 h. */
export interface IdempotencyStore {
  /**
   * Reserves the key for a request. `new`: go on, then call `complete` (or `abandon` when it failed). `done`: give that
   * answer again. `mismatch`: same key, other body. `busy`: the first request is still under way (a reservation older
   * than 60 s without an answer counts as crashed and is given anew, with the same `resourceId`).
   */
  reserve(organizationId: string, key: string, fingerprint: string): Promise<IdempotencyReservation>;
  complete(organizationId: string, key: string, answer: StoredAnswer): Promise<void>;
  /**
   * Releases a reservation that has no answer. After `refused` the key is as if it had never been used; after `unknown`
   * (it may have been done) it stays with its request, which gets it again at once, with the same `resourceId`.
   */
  abandon(organizationId: string, key: string, outcome: 'refused' | 'unknown'): Promise<void>;
}

export type IdempotencyReservation =
  /** `resourceId`: of what the request makes; the same for each attempt, so that only one of them makes it. */
  | { readonly state: 'new'; readonly resourceId: string }
  | { readonly state: 'done'; readonly answer: StoredAnswer }
  | { readonly state: 'mismatch' }
  | { readonly state: 'busy' };

export interface StoredAnswer {
  readonly status: number;
  readonly body: unknown;
}

export interface PageRequest {
  readonly limit: number;
  readonly cursor: string | null;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}
