import type { Clock } from '@crewtab/domain/ports/clock';
import type {
  ConversationOutline,
  DeploymentView,
  JoinedPage,
  MessageHits,
  MessagePage,
  MessagePageRequest,
  MessageSearch,
  NewTry,
  Page,
  PageRequest,
  RunArchive,
  RunCounts,
  RunFilter,
  RunNeighbours,
  RunSort,
  TextSlice,
} from '@crewtab/domain/ports/management-store';
import type { Subscription } from '@crewtab/domain/ports/runtime';
import { MESSAGE_PAGE, type DraftMessage, type ListedMessage, type Message } from '@crewtab/domain/runs/message';
import {
  isConcluded,
  isTerminal,
  RUN_PAGE,
  type ListedRun,
  type Run,
  type RunStatus,
  type RunTrigger,
  type ShownRun,
} from '@crewtab/domain/runs/run';
import { phasesOf, type RunTimeline } from '@crewtab/domain/runs/run-timeline';
import { joinPieces } from '@crewtab/domain/runs/joined-conversation';
import { Listeners } from '../stores/listeners';
import { fakeUuid, seedRun } from '../stores/stored-run';
import type { InMemoryCatalog } from './in-memory-catalog';
import { pageOf } from './pages';

/** Runs and their conversations without a database, as the HTTP side sees them. Tests move the runs themselves. */
export class InMemoryRunArchive implements RunArchive {
  readonly runs = new Map<string, ShownRun>();
  readonly deployments = new Map<string, DeploymentView & { readonly organizationId: string }>();
  private readonly messages = new Map<string, Message[]>();
  private readonly changed = new Listeners<string>();

  constructor(
    private readonly catalog: Pick<InMemoryCatalog, 'teams' | 'getSchedule'>,
    private readonly clock: Clock,
  ) {}

  // For tests

  addRun(run: Partial<ShownRun>): Run {
    const id = run.id ?? fakeUuid(this.runs.size + 1, 1);
    const made = seedRun({ ...run, id }, this.runs.size + 1, this.clock.now()).run;
    this.runs.set(id, made);
    this.messages.set(id, []);
    return made;
  }

  change(runId: string, patch: Partial<ShownRun>): void {
    const run = this.runs.get(runId);
    if (!run) throw new Error(`no run ${runId}`);
    this.runs.set(runId, { ...run, ...patch });
    this.changed.notify(runId);
  }

  say(runId: string, ...drafts: readonly Pick<DraftMessage, 'kind' | 'content' | 'origin'>[]): void {
    const messages = this.messages.get(runId) ?? [];
    for (const draft of drafts)
      messages.push({ agent: 'lead', at: this.clock.now(), seq: messages.length + 1, ...draft });
    this.messages.set(runId, messages);
    this.changed.notify(runId);
  }

  // The port

  onRunChanged(listener: (runId: string) => void): Promise<Subscription> {
    return Promise.resolve(this.changed.add(listener));
  }

  async createManualRun(
    organizationId: string,
    scheduleId: string,
    _requestKey: string | null = null,
    prompt: string | null = null,
  ): Promise<Run | null> {
    const schedule = await this.catalog.getSchedule(organizationId, scheduleId);
    if (!schedule) return null;
    const team = this.catalog.teams.get(schedule.teamId);
    const { timeoutMs, teamId, verify, artifacts } = schedule;
    const plan = {
      ...(verify && { verify }),
      ...(artifacts && { artifacts }),
      teamName: team?.name ?? '',
      network: team?.network ?? { mode: 'none', hosts: [] },
      ...(team?.workspace && { workspace: team.workspace }),
      agents: team?.agents ?? [],
      prompt: prompt ?? schedule.prompt,
      timeoutMs,
    } as const;
    return this.start({ organizationId, scheduleId, teamId, plan }, 'manual');
  }

  createTry(organizationId: string, teamId: string, { prompt, timeoutMs }: NewTry): Promise<Run | null> {
    const team = this.catalog.teams.get(teamId);
    if (team?.organizationId !== organizationId) return Promise.resolve(null);
    const { name: teamName, network, workspace, agents } = team;
    const plan = { teamName, network, ...(workspace && { workspace }), agents, prompt, timeoutMs };
    return Promise.resolve(this.start({ organizationId, scheduleId: null, teamId, plan }, 'manual'));
  }

  async createRerun(organizationId: string, runId: string): Promise<Run | null> {
    const run = await this.getRun(organizationId, runId);
    if (!run) return null;
    const { scheduleId, teamId, plan } = run;
    return this.start({ organizationId, scheduleId, teamId, plan }, 'rerun');
  }

  async requestCancel(
    organizationId: string,
    runId: string,
  ): Promise<{ readonly run: Run; readonly wasTerminal: boolean } | null> {
    const run = await this.getRun(organizationId, runId);
    if (!run) return null;
    if (isTerminal(run.status) || isConcluded(run.phase)) return { run, wasTerminal: true };
    const now = this.clock.now();
    const cancelled = { cancelRequestedAt: now, cancelCode: 'cancelled' } as const;
    const outcome = {
      status: 'cancelled',
      result: null,
      error: { code: 'cancelled', message: 'cancelled on request' },
    } as const;
    const ended = { status: 'cancelled', phase: 'finished', finishedAt: now, outcome } as const;
    this.change(runId, run.status === 'queued' ? { ...cancelled, ...ended } : cancelled);
    return { run: this.runs.get(runId) ?? run, wasTerminal: false };
  }

  getRun(organizationId: string, id: string): Promise<ShownRun | null> {
    const run = this.runs.get(id);
    return Promise.resolve(run?.organizationId === organizationId ? run : null);
  }

  listRuns(
    organizationId: string,
    filter: RunFilter,
    page: PageRequest & { readonly sort?: RunSort },
  ): Promise<Page<ListedRun>> {
    const matching = [...this.runs.values()].filter(
      (run) => run.organizationId === organizationId && matches(run, filter),
    );
    const { items, nextCursor } = pageOf(sorted(matching, page.sort ?? 'newest'), page);
    return Promise.resolve({ items: items.map(listedRun), nextCursor });
  }

  countRuns(organizationId: string, { status: _, ...filter }: RunFilter): Promise<RunCounts> {
    const own = [...this.runs.values()].filter((run) => run.organizationId === organizationId);
    const byStatus: Partial<Record<RunStatus, number>> = {};
    for (const { status } of own.filter((run) => matches(run, filter))) byStatus[status] = (byStatus[status] ?? 0) + 1;
    return Promise.resolve({
      byStatus,
      codes: [...new Set(own.flatMap(({ outcome }) => outcome?.error?.code ?? []))].sort(),
    });
  }

  async listMessages(
    organizationId: string,
    runId: string,
    after: number,
    { limit, contents, ...narrowed }: MessagePageRequest,
  ): Promise<MessagePage | null> {
    if (!(await this.getRun(organizationId, runId))) return null;
    const behind = (this.messages.get(runId) ?? []).filter((one) => one.seq > after && isWanted(one, narrowed));
    const items: ListedMessage[] = [];
    let [readBytes, shownBytes] = [0, 0];
    for (const message of behind.slice(0, limit)) {
      const listed = contents === 'whole' ? message : beginningOf(message);
      readBytes += JSON.stringify(message.content).length;
      shownBytes += JSON.stringify(listed.content).length;
      const isFull = readBytes > MESSAGE_PAGE.readBytes || shownBytes > MESSAGE_PAGE.shownBytes;
      if (isFull && items.length > 0) break;
      items.push(listed);
    }
    return { items, hasMore: items.length < behind.length };
  }

  async listMessagesBefore(
    organizationId: string,
    runId: string,
    before: number,
    { limit, contents, ...narrowed }: MessagePageRequest,
  ): Promise<MessagePage | null> {
    if (!(await this.getRun(organizationId, runId))) return null;
    const all = (this.messages.get(runId) ?? []).filter((one) => one.seq < before && isWanted(one, narrowed));
    const items = all.slice(-limit).map((message) => (contents === 'whole' ? message : beginningOf(message)));
    return { items, hasMore: (items[0]?.seq ?? 1) > 1 };
  }

  async searchMessages(
    organizationId: string,
    runId: string,
    { text, after, limit }: MessageSearch,
  ): Promise<MessageHits | null> {
    if (!(await this.getRun(organizationId, runId))) return null;
    const behind = (this.messages.get(runId) ?? []).filter(({ seq }) => seq > after);
    const hits = behind.flatMap((message) => {
      const whole = textOf(message);
      const at = whole.toLowerCase().indexOf(text.toLowerCase());
      const end = at + text.length;
      const snippet = { before: whole.slice(0, at), match: whole.slice(at, end), after: whole.slice(end) };
      const { seq, at: saidAt, agent, kind } = message;
      return at === -1 ? [] : [{ seq, at: saidAt, agent, kind, snippet }];
    });
    return { items: hits.slice(0, limit), next: hits.length > limit ? (hits[limit - 1]?.seq ?? null) : null };
  }

  /** Its phases alone. */
  async readTimeline(organizationId: string, runId: string): Promise<RunTimeline | null> {
    const run = await this.getRun(organizationId, runId);
    if (!run) return null;
    const { scheduledFor, phase, startedAt, prompt, teardown, finishedAt, concludedAt = null } = run;
    const phases = phasesOf({
      ...{ phase, queuedAt: scheduledFor, startedAt, finishedAt, concludedAt, workEndedAt: null },
      permittedAt: prompt.state === 'none' ? null : prompt.permittedAt,
      sentAt: prompt.state === 'sent' ? prompt.permittedAt : null,
      ...{ teardownBegunAt: teardown.begunAt, removedAt: teardown.receipt?.verifiedAt ?? null },
    });
    return { dueAt: scheduledFor, phases, agents: [], spans: [], omitted: 0 };
  }

  async readOutline(organizationId: string, runId: string, after: number): Promise<ConversationOutline | null> {
    if (!(await this.getRun(organizationId, runId))) return null;
    const all = this.messages.get(runId) ?? [];
    const columns = all
      .filter(({ seq }) => seq > after)
      .map(({ seq, at, agent }) => ({
        seq,
        lastSeq: seq,
        from: at,
        to: at,
        agents: agent === null ? {} : { [agent]: 1 },
      }));
    return { lastSeq: all.length, columns, problems: [] };
  }

  async listJoined(organizationId: string, runId: string, after: number, limit: number): Promise<JoinedPage | null> {
    if (!(await this.getRun(organizationId, runId))) return null;
    const all = this.messages.get(runId) ?? [];
    const isPieceOf = (one: Message, other: Message): boolean =>
      one === other ||
      (one.origin?.block !== undefined && one.origin.block === other.origin?.block && one.agent === other.agent);
    const heads = all.filter((message) => all.find((one) => isPieceOf(one, message)) === message);
    const behind = heads.filter(({ seq }) => seq > after);
    const items = behind.slice(0, limit).map((head) => {
      const read = all.filter((message) => isPieceOf(message, head));
      return joinPieces({ read, count: read.length, last: read.at(-1) ?? head });
    });
    return { items, next: items.length < behind.length ? (items.at(-1)?.seq ?? null) : null };
  }

  async getMessage(organizationId: string, runId: string, seq: number): Promise<Message | null> {
    if (!(await this.getRun(organizationId, runId))) return null;
    return this.messages.get(runId)?.[seq - 1] ?? null;
  }

  async readMessageText(organizationId: string, runId: string, seq: number, offset: number): Promise<TextSlice | null> {
    const message = await this.getMessage(organizationId, runId, seq);
    if (!message) return null;
    const characters = [...textOf(message)];
    const text = characters.slice(offset, offset + MESSAGE_PAGE.slice).join('');
    return { text, offset, length: characters.length };
  }

  async findNeighbours(organizationId: string, runId: string): Promise<RunNeighbours | null> {
    const run = await this.getRun(organizationId, runId);
    if (!run) return null;
    const own = [...this.runs.values()]
      .filter(({ scheduleId }) => scheduleId === run.scheduleId)
      .sort((one, other) => one.scheduledFor.getTime() - other.scheduledFor.getTime() || (one.id < other.id ? -1 : 1));
    const at = own.findIndex(({ id }) => id === runId);
    const before = own.slice(0, at);
    return {
      previous: before.at(-1) ?? null,
      next: own[at + 1] ?? null,
      lastSuccess: before.findLast(({ status }) => status === 'success') ?? null,
    };
  }

  getDeployment(organizationId: string, id: string): Promise<DeploymentView | null> {
    const deployment = this.deployments.get(id);
    return Promise.resolve(deployment?.organizationId === organizationId ? deployment : null);
  }

  private start(run: Pick<Run, 'organizationId' | 'scheduleId' | 'teamId' | 'plan'>, trigger: RunTrigger): Run {
    return this.addRun({ ...run, trigger, scheduledFor: this.clock.now(), status: 'queued', phase: 'queued' });
  }
}

function beginningOf(message: Message): ListedMessage {
  if (JSON.stringify(message.content).length <= MESSAGE_PAGE.beginning) return message;
  const text = [...textOf(message)].slice(0, MESSAGE_PAGE.beginning).join('');
  return { ...message, content: { text }, isTruncated: true };
}

function textOf({ content }: Message): string {
  const { text, ...rest } = content;
  return typeof text === 'string' && Object.keys(rest).length === 0 ? text : JSON.stringify(content);
}

function isWanted({ agent, kind }: Message, wanted: Pick<MessagePageRequest, 'agent' | 'kinds'>): boolean {
  return (wanted.agent === undefined || agent === wanted.agent) && (!wanted.kinds || wanted.kinds.includes(kind));
}

function matches(run: ShownRun, filter: RunFilter): boolean {
  return (
    (filter.scheduleId === undefined || run.scheduleId === filter.scheduleId) &&
    (filter.teamId === undefined || run.teamId === filter.teamId) &&
    (filter.code === undefined || run.outcome?.error?.code === filter.code) &&
    (filter.status === undefined || run.status === filter.status) &&
    (filter.trigger === undefined || run.trigger === filter.trigger) &&
    (filter.since === undefined || run.scheduledFor >= filter.since) &&
    (filter.until === undefined || run.scheduledFor < filter.until) &&
    isBetween(tookMs(run), filter.minTookMs, filter.maxTookMs) &&
    isBetween(run.usage?.cost?.amount, filter.minCost, filter.maxCost)
  );
}

function tookMs({ startedAt, finishedAt }: Run): number | undefined {
  return startedAt && finishedAt ? finishedAt.getTime() - startedAt.getTime() : undefined;
}

function isBetween(value: number | undefined, min?: number, max?: number): boolean {
  if (min === undefined && max === undefined) return true;
  return value !== undefined && value >= (min ?? -Infinity) && value <= (max ?? Infinity);
}

/** What the page begins with stands last. */
function sorted(runs: readonly ShownRun[], sort: RunSort): readonly ShownRun[] {
  if (sort === 'newest') return runs;
  if (sort === 'oldest') return [...runs].reverse();
  const valueOf = (run: ShownRun): number | undefined =>
    sort === 'longest' || sort === 'shortest' ? tookMs(run) : run.usage?.cost?.amount;
  const known = runs.flatMap((run) => {
    const value = valueOf(run);
    return value === undefined ? [] : [{ run, value }];
  });
  const isDescending = sort === 'longest' || sort === 'costliest';
  return known.sort((a, b) => (isDescending ? a.value - b.value : b.value - a.value)).map(({ run }) => run);
}

function listedRun(run: ShownRun): ListedRun {
  const characters = [...(run.outcome?.result ?? '')];
  if (run.outcome === null || characters.length <= RUN_PAGE.resultBeginning) return run;
  const result = characters.slice(0, RUN_PAGE.resultBeginning).join('');
  return { ...run, outcome: { ...run.outcome, result }, isResultTruncated: true };
}
