import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { SeededRandom } from '../../kit/random';
import type { Api } from './api';
import { teamBody, TEAMS, WORKS, type Work } from './workload';

export interface ClientOptions {
  readonly seed: number;
  readonly image: string;
  /** Runs that are to be under way at the same time. */
  readonly wantedActive: number;
  /** How many runs are queued or running; null while it is unknown. */
  readonly countActive: () => Promise<number | null>;
}

interface KnownSchedule {
  readonly id: string;
  readonly work: Work;
  isPaused: boolean;
  /** Fires by itself, every minute or two. */
  readonly isTimed: boolean;
}

const MANUAL_EACH_MS = 250;
const MOST_AT_ONCE = 3;
/** Requests for runs without an answer yet. */
const MOST_IN_DOUBT = 30;
const EDIT_EACH_MS = [1_500, 5_000] as const;
const CANCEL_EACH_MS = [4_000, 10_000] as const;
/** What schedules are shown as is judged, so they are looked at. */
const LOOK_EACH_MS = 1_000;
const TIMED_AT_START = 8;
const MOST_TIMED = 14;
const RUNS_EVERY = ['* * * * *', '*/2 * * * *', '1-59/2 * * * *', '*/3 * * * *'] as const;
const NEVER = '0 0 29 2 *';
const OVERLAPS = ['allow', 'skip', 'queue', 'replace'] as const;
/** A started request is waited for at the end, ms. */
const LAST_ANSWER_MS = 30_000;
/** Schedules are paused in the end, also while faults go on, ms. */
const PAUSE_WITHIN_MS = 120_000;

/** Asks for runs all the time, edits schedules and cancels runs, by its seed. */
export class Client {
  private readonly random: SeededRandom;
  private readonly schedules: KnownSchedule[] = [];
  private readonly teams = new Map<string, string>();
  private readonly stopped = new AbortController();
  private readonly cutOff = new AbortController();
  private loops: Promise<void>[] = [];
  private readonly inDoubt = new Set<Promise<void>>();
  private made = 0;
  readonly problems: string[] = [];

  constructor(
    private readonly api: Api,
    private readonly options: ClientOptions,
  ) {
    this.random = SeededRandom.named(`client ${options.seed}`);
    // Every request in doubt waits with these.
    for (const { signal } of [this.stopped, this.cutOff]) setMaxListeners(0, signal);
  }

  /** Teams, one schedule per kind of work that only fires when asked, and some that fire by themselves. */
  async prepare(): Promise<void> {
    for (const template of TEAMS) {
      const { body } = await this.write('POST', '/teams', teamBody(template, this.options.image));
      this.teams.set(template.name, (body as { id: string }).id);
    }
    for (const work of WORKS) await this.createSchedule(work, NEVER, 'allow');
    for (const overlap of ['skip', 'queue', 'replace'] as const) {
      await this.createSchedule(workNamed('while'), NEVER, overlap);
    }
    for (let count = 0; count < TIMED_AT_START; count++) await this.createTimed();
  }

  start(): void {
    this.loops = [
      this.loop(
        () => MANUAL_EACH_MS,
        () => this.startRuns(),
      ),
      this.loop(
        () => this.random.int(...EDIT_EACH_MS),
        () => this.edit(),
      ),
      this.loop(
        () => this.random.int(...CANCEL_EACH_MS),
        () => this.cancelOne(),
      ),
      this.loop(
        () => LOOK_EACH_MS,
        async () => void (await this.api.read('/schedules?limit=100')),
      ),
    ];
  }

  /** No new runs: begins nothing more, and pauses every schedule that fires by itself. */
  async stop(): Promise<void> {
    this.stopped.abort();
    const late = setTimeout(() => this.cutOff.abort(), LAST_ANSWER_MS);
    await Promise.all(this.loops);
    await this.pauseAll();
    await Promise.all(this.inDoubt);
    clearTimeout(late);
  }

  /** Some of the shortest runs, after `stop`. @throws Error when one is not answered in time. */
  async askForShortRuns(count: number): Promise<void> {
    const schedule = this.schedules.find(({ isTimed, work }) => !isTimed && work === workNamed('at-once'));
    if (schedule === undefined) throw new Error('there is no schedule of short runs');
    const limit = AbortSignal.timeout(LAST_ANSWER_MS);
    const ask = (): Promise<unknown> => this.api.write('POST', `/schedules/${schedule.id}/trigger`, {}, limit);
    await Promise.all(Array.from({ length: count }, ask));
  }

  private async pauseAll(): Promise<void> {
    // Also while faults go on: each is asked for until it is answered.
    await Promise.all(
      this.schedules
        .filter(({ isTimed, isPaused }) => isTimed && !isPaused)
        .map(async (schedule) => {
          const limit = AbortSignal.timeout(PAUSE_WITHIN_MS);
          await this.api.write('POST', `/schedules/${schedule.id}/pause`, {}, limit);
          schedule.isPaused = true;
        }),
    );
  }

  private async loop(pauseMs: () => number, act: () => Promise<void>): Promise<void> {
    const { signal } = this.stopped;
    while (!signal.aborted) {
      await act().catch((error: unknown) => this.note(error));
      await delay(pauseMs(), undefined, { signal }).catch(() => undefined);
    }
  }

  /** Something that the client could not do. */
  note(error: unknown): void {
    const isCutOff = this.cutOff.signal.aborted && error instanceof Error && error.name === 'AbortError';
    if (!isCutOff) this.problems.push(`the client: ${String(error)}`);
  }

  /** As many as are missing. An answer is not waited for: a request that is in doubt must not hold up the others. */
  private async startRuns(): Promise<void> {
    const active = await this.options.countActive();
    if (active === null) return;
    const missing = Math.min(MOST_AT_ONCE, this.options.wantedActive - active, MOST_IN_DOUBT - this.inDoubt.size);
    for (let count = 0; count < missing; count++) {
      const asked = this.write('POST', `/schedules/${this.pickManual().id}/trigger`, {})
        .catch((error: unknown) => this.note(error))
        .then(() => void this.inDoubt.delete(asked));
      this.inDoubt.add(asked);
    }
  }

  private pickManual(): KnownSchedule {
    const manual = this.schedules.filter(({ isTimed }) => !isTimed);
    const weights = manual.map(({ work }) => work.weight);
    let left = this.random.next() * weights.reduce((sum, weight) => sum + weight, 0);
    return manual.find((_, index) => (left -= weights[index] ?? 0) < 0) ?? this.random.pick(manual);
  }

  private async edit(): Promise<void> {
    const timed = this.schedules.filter(({ isTimed }) => isTimed);
    if (timed.length === 0) return this.createTimed();
    const schedule = this.random.pick(timed);
    const path = `/schedules/${schedule.id}`;
    switch (this.random.pick(['create', 'cron', 'cron', 'pause', 'resume', 'resume', 'overlap', 'delete'] as const)) {
      case 'create':
        if (timed.length < MOST_TIMED) await this.createTimed();
        return;
      case 'cron':
        await this.write('PATCH', path, { cron: this.random.pick(RUNS_EVERY) });
        return;
      case 'overlap':
        await this.write('PATCH', path, { overlap: this.random.pick(OVERLAPS) });
        return;
      case 'pause':
        await this.write('POST', `${path}/pause`, {});
        schedule.isPaused = true;
        return;
      case 'resume':
        schedule.isPaused = false;
        await this.write('POST', `${path}/resume`, {});
        return;
      case 'delete':
        if (timed.length > TIMED_AT_START / 2) await this.remove(schedule);
    }
  }

  private async remove(schedule: KnownSchedule): Promise<void> {
    await this.write('DELETE', `/schedules/${schedule.id}`, null);
    this.schedules.splice(this.schedules.indexOf(schedule), 1);
  }

  private async cancelOne(): Promise<void> {
    const page = await this.api.read<{ items: { id: string }[] }>('/runs?status=running&limit=20');
    const [run] = this.random.shuffle(page?.items ?? []);
    if (run) await this.write('POST', `/runs/${run.id}/cancel`, {});
  }

  private createTimed(): Promise<void> {
    const work = this.random.pick(WORKS.filter(({ weight }) => weight >= 3));
    return this.createSchedule(work, this.random.pick(RUNS_EVERY.slice(0, 3)), this.random.pick(OVERLAPS), true);
  }

  private async createSchedule(work: Work, cron: string, overlap: string, isTimed = false): Promise<void> {
    this.made++;
    const { status, body } = await this.write('POST', '/schedules', {
      teamId: this.teams.get(work.team),
      name: `${work.name} ${this.made}`,
      prompt: work.prompt,
      cron,
      timeout: work.timeout,
      overlap,
      catchUp: this.random.pick(['latest', 'latest', 'all', 'none']),
    });
    if (status !== 201) throw new Error(`a schedule was refused: ${status} ${JSON.stringify(body)}`);
    this.schedules.push({ id: (body as { id: string }).id, work, isPaused: false, isTimed });
  }

  private write(method: string, path: string, body: object | null): ReturnType<Api['write']> {
    return this.api.write(method, path, body, this.cutOff.signal);
  }
}

function workNamed(name: string): Work {
  const found = WORKS.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no work ${name}`);
  return found;
}
