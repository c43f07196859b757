import type { WorkerHeartbeat } from '@crewtab/domain/ports/host-store';
import type { Claim, RunStore, WorkerIdentity } from '@crewtab/domain/ports/run-store';
import type { DraftMessage, Message } from '@crewtab/domain/runs/message';
import type { VerifySpec } from '@crewtab/domain/runs/verification';
import type { Run } from '@crewtab/domain/runs/run';
import type { TeamWorkspace } from '@crewtab/domain/teams/workspace';

/** What a queued run of the contract may be asked to be. */
export interface RunWish {
  /** Runs with the same name are of the same schedule; without one each has a schedule of its own. */
  readonly schedule?: string;
  /** Overlap policy other than `allow`. */
  readonly isExclusive?: boolean;
  readonly scheduledFor?: Date;
  readonly timeoutMs?: number;
  readonly verify?: VerifySpec;
  readonly artifacts?: readonly string[];
  /** Of its team. */
  readonly workspace?: TeamWorkspace;
}

/** The store under test and the hands that reach around it. */
export interface RunStoreSubject {
  readonly store: RunStore;
  /** A queued run of a team of two, `lead` and `writer`. Answers its id. */
  addRun(wish?: RunWish): Promise<string>;
  /** As if the lease had run out. */
  expireLease(runId: string): Promise<void>;
  /** As if the deadline had passed so long ago, and the lease of DEFAULT_LEASE_MS been renewed `renewedMsAgo`. */
  passDeadline(runId: string, agoMs: number, renewedMsAgo: number): Promise<void>;
  /** What the API's cancel does. */
  requestCancel(runId: string): Promise<void>;
  messages(runId: string): Promise<readonly Message[]>;
  close(): Promise<void>;
}

export type RunStoreSetup = () => RunStoreSubject | Promise<RunStoreSubject>;

export const WORKER: WorkerIdentity = { workerId: 'worker-1', host: 'host-1' };
export const OTHER_WORKER: WorkerIdentity = { workerId: 'worker-2', host: 'host-1' };
export const FAR_WORKER: WorkerIdentity = { workerId: 'worker-3', host: 'host-2' };
export const NOTHING = {};
export const UNKNOWN_RUN = '01890000-0000-7000-8000-000000000000';

/** Takes a run as far as a test wants it; every step asserts nothing. */
export class RunStoreFixture {
  constructor(readonly subject: RunStoreSubject) {}

  get store(): RunStore {
    return this.subject.store;
  }

  async claim(runId: string, worker: WorkerIdentity = WORKER): Promise<Claim> {
    const run = await this.store.claim(runId, worker);
    if (!run) throw new Error(`run ${runId} could not be claimed`);
    return { runId, epoch: run.epoch };
  }

  async claimed(wish?: RunWish): Promise<Claim> {
    return this.claim(await this.subject.addRun(wish));
  }

  async begun(wish?: RunWish): Promise<Claim> {
    const claim = await this.claimed(wish);
    await this.begin(claim);
    return claim;
  }

  async monitored(wish?: RunWish): Promise<Claim> {
    const claim = await this.begun(wish);
    await this.store.permitPrompt(claim, say('prompt', 'Write a report.'));
    await this.store.confirmPrompt(claim);
    return claim;
  }

  /** A pending success: its teardown is what is left. */
  async succeeded(wish?: RunWish): Promise<Claim> {
    const claim = await this.monitored(wish);
    await this.store.conclude(claim, { status: 'success', result: 'done', error: null });
    return claim;
  }

  begin({ runId, epoch }: Claim, name = `team-${runId}`): Promise<Run> {
    return this.store.begin(
      { runId, epoch },
      { name, fallbackName: `team-${runId}-long`, host: WORKER.host, runtime: 'fake' },
    );
  }

  /** The claim of a worker that took the run over after the first one died. */
  async takenOver({ runId }: Claim): Promise<Claim> {
    await this.subject.expireLease(runId);
    return this.claim(runId, OTHER_WORKER);
  }
}

export function say(kind: DraftMessage['kind'], text: string, agent: string | null = 'lead'): DraftMessage {
  return { agent, kind, content: { text }, at: new Date('2026-03-01T10:00:00.123Z') };
}

export function aHeartbeat(): WorkerHeartbeat {
  return {
    id: WORKER.workerId,
    host: { id: WORKER.host, runtime: 'docker', description: 'Docker 20' },
    hostname: 'machine',
    pid: 42,
    version: '1.0.0',
    capacity: 10,
    heldRuns: 0,
    adoptedRuns: 0,
    refusal: null,
    reaper: { lastIterationAgoMs: null, reapedRuns: 3, unremovedResources: 1, error: null },
  };
}
