import { parseCron, type Cron } from '@crewtab/domain/schedules/cron';
import { nextFire } from '@crewtab/domain/schedules/next-fire';
import { planBeforeEdit } from '@crewtab/orchestrator/firing/fire-due-schedules';
import type { RunPlan } from '@crewtab/domain/runs/run';
import { GIVEN_FILE, LEFT_FILE, LISTED_HOSTS, type ScheduleScript } from './history-plan';
import { isCutForAll, type ScheduleControl, type ScheduleEvent, type World } from './world';

const MINUTE_MS = 60_000;
const PROMPT = 'Do it.';
const TEAM = 'Sim Team';

/** A time in which a schedule fires every so many minutes: after `fromMs`, up to `toMs` (null: still). */
export interface EnabledSpan {
  readonly fromMs: number;
  toMs: number | null;
  readonly everyMinutes: number;
}

export interface BookedSchedule {
  readonly id: string;
  readonly script: ScheduleScript;
  readonly spans: EnabledSpan[];
  isDeleted: boolean;
}

/** The schedules of a world: what the API does to them, and what they therefore owe. */
export class ScheduleBook implements ScheduleControl {
  readonly booked: BookedSchedule[] = [];
  /** Schedules of which it cannot be told when they are due. */
  readonly unreadable: string[] = [];
  private readonly byId = new Map<string, BookedSchedule>();
  /** What was answered to each idempotency key. */
  readonly manualRuns = new Map<string, string>();

  constructor(private readonly world: World) {}

  createAll(): void {
    for (const script of this.world.plan.schedules) {
      const { id } = this.world.fires.addSchedule({
        cron: cronOf(script.everyMinutes),
        overlap: script.overlap,
        catchUp: script.catchUp,
        catchUpWindowMs: script.catchUpWindowMs,
        ...this.instantsOf(script.everyMinutes),
      });
      const booked = { id, script, spans: [], isDeleted: false };
      this.booked.push(booked);
      this.byId.set(id, booked);
      this.open(booked, script.everyMinutes);
    }
  }

  scriptOfSchedule(scheduleId: string): ScheduleScript | null {
    return this.byId.get(scheduleId)?.script ?? null;
  }

  planOf(scheduleId: string): Partial<RunPlan> {
    const script = this.scriptOfSchedule(scheduleId);
    if (!script) return {};
    const agents = script.agents.map(({ name, role, protocol }) => ({ name, role, protocol, image: 'sim' }));
    return {
      teamName: TEAM,
      network: { mode: script.network, hosts: script.network === 'allowlist' ? LISTED_HOSTS : [] },
      agents,
      prompt: PROMPT,
      timeoutMs: script.timeoutMs,
      ...(script.verify && { verify: { command: ['make', 'test'], files: [LEFT_FILE] } }),
      ...(script.isFilled && { workspace: { files: { [GIVEN_FILE]: 'given' } } }),
      ...(script.collects && { artifacts: ['*.md'] }),
    };
  }

  /** What the API does. Refused while the database cannot be reached. */
  change(event: ScheduleEvent): void {
    const schedule = this.booked[event.schedule % this.booked.length];
    if (!schedule || schedule.isDeleted) return;
    if (isCutForAll(this.world, 'store')) return this.world.note('a person', 'is told that the database is away');
    switch (event.kind) {
      case 'manualRun':
        for (let time = 0; time < event.times; time++) this.runNow(schedule, event.key);
        return;
      case 'pause':
        return void this.pause(schedule);
      case 'delete':
        schedule.isDeleted = true;
        return void this.pause(schedule);
      case 'resume':
        if (!isOpen(schedule)) this.enable(schedule, schedule.spans.at(-1)?.everyMinutes ?? 1);
        return;
      case 'edit':
        if (isOpen(schedule)) void this.edit(schedule, event.everyMinutes);
    }
  }

  /** As after a restore: the API would not have taken it. It stays as it is, and owes nothing but to be quarantined. */
  addUnreadable(): void {
    this.unreadable.push(this.world.fires.addSchedule({ cron: cronOf(1), timezone: 'Mars/Olympus' }).id);
  }

  async pauseAll(): Promise<void> {
    for (const schedule of this.booked) await this.pause(schedule);
  }

  private async pause(schedule: BookedSchedule): Promise<void> {
    await this.recordDue(schedule, true);
    if (!isOpen(schedule)) return;
    close(schedule, this.world.time.now());
    this.world.fires.editSchedule(schedule.id, { enabled: false });
  }

  private async edit(schedule: BookedSchedule, everyMinutes: number): Promise<void> {
    await this.recordDue(schedule, false);
    if (isOpen(schedule)) this.enable(schedule, everyMinutes);
  }

  /** As the API does before every edit: what is due by now gets its row by the old spec. */
  private async recordDue({ id }: BookedSchedule, isEnding: boolean): Promise<void> {
    const isDue = (): boolean => {
      const { enabled, nextFireAt } = this.world.fires.read(id);
      return enabled && nextFireAt !== null && nextFireAt <= this.world.time.now();
    };
    while (isDue()) {
      this.world.tally.add('due at an edit');
      const fired = await this.world.fires.fireOne((due) => planBeforeEdit(due, isEnding), { only: id });
      if (!isCutForAll(this.world, 'queue'))
        await this.world.redis.offerRuns((fired?.queued ?? []).map(({ runId }) => runId));
    }
  }

  private enable(schedule: BookedSchedule, everyMinutes: number): void {
    close(schedule, this.world.time.now());
    this.open(schedule, everyMinutes);
    const instants = this.instantsOf(everyMinutes);
    this.world.fires.editSchedule(schedule.id, { enabled: true, cron: cronOf(everyMinutes), ...instants });
  }

  private runNow({ id, script }: BookedSchedule, key: number): void {
    const known = `${id}/${key}`;
    if (this.manualRuns.has(known)) return;
    const run = this.world.store.addRun({
      scheduleId: id,
      trigger: 'manual',
      scheduledFor: this.world.time.now(),
      isExclusive: script.overlap !== 'allow',
      plan: this.planOf(id),
    });
    this.manualRuns.set(known, run.id);
    this.world.tally.add('manual run');
    if (!isCutForAll(this.world, 'queue')) void this.world.redis.offerRuns([run.id]);
  }

  private open(schedule: BookedSchedule, everyMinutes: number): void {
    schedule.spans.push({ fromMs: this.world.time.now().getTime(), toMs: null, everyMinutes });
  }

  private instantsOf(everyMinutes: number): { nextFireAt: Date; followingFireAt: Date } {
    const cron = parsed(cronOf(everyMinutes));
    const nextFireAt = nextFire(cron, 'UTC', this.world.time.now());
    return { nextFireAt, followingFireAt: nextFire(cron, 'UTC', nextFireAt) };
  }
}

/** Counted by minutes and without the product's cron: an oracle of its own. */
export function dueInstants({ fromMs, toMs, everyMinutes }: EnabledSpan, nowMs: number): number[] {
  const instants: number[] = [];
  const lastMs = Math.min(toMs ?? nowMs, nowMs);
  for (let at = (Math.floor(fromMs / MINUTE_MS) + 1) * MINUTE_MS; at <= lastMs; at += MINUTE_MS)
    if (new Date(at).getUTCMinutes() % everyMinutes === 0) instants.push(at);
  return instants;
}

function close({ spans }: BookedSchedule, now: Date): void {
  const span = spans.at(-1);
  if (span) span.toMs ??= now.getTime();
}

function isOpen({ spans }: BookedSchedule): boolean {
  return spans.at(-1)?.toMs === null;
}

function cronOf(everyMinutes: number): string {
  return everyMinutes === 1 ? '* * * * *' : `*/${everyMinutes} * * * *`;
}

function parsed(text: string): Cron {
  const cron = parseCron(text);
  if (!cron.ok) throw new Error(cron.message);
  return cron.cron;
}
