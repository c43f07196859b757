import { isTerminal, RUN_PHASES, type Run } from '@crewtab/domain/runs/run';
import type { FakeAgent } from '../fakes/runtime/fake-agent';
import type { FakeShared } from '../fakes/runtime/fake-engine';
import type { ClaimWatch } from './gated-ports';
import { SIMULATED_LIMITS } from './simulated-limits';
import type { World } from './world';

const CHECK_EVERY_MS = 5_000;
/** With nothing out of order: lease and adoption, then the stop grace and a little. */
const LATE_AFTER_MS = 45_000;
/** Half a minute is promised; an iteration may just have begun. */
const LEFTOVER_AFTER_MS = 36_000;

/** What must hold at every moment of a history. */
export class LiveChecks {
  private readonly last = new Map<string, Run>();

  constructor(
    private readonly world: World,
    private readonly calmSinceMs: () => number,
    private readonly decoys: readonly FakeAgent[],
  ) {}

  async start(): Promise<void> {
    await this.world.store.onRunChanged((runId) => this.noteChange(this.world.store.read(runId)));
    this.look();
  }

  /** I7: no worker is told that a write was accepted whose epoch was over when it arrived. */
  watchClaims(who: string): ClaimWatch {
    return (claim, method) => {
      if (this.world.store.read(claim.runId).epoch <= claim.epoch) return null;
      return (isAccepted) => {
        if (!isAccepted) return this.world.tally.add('stale write refused');
        this.world.violations.add('I7', claim.runId, `${method} of ${who} with epoch ${claim.epoch} was accepted`);
      };
    };
  }

  /** The slow ones, at intervals and at the end. */
  lookAtAll(): void {
    const now = this.world.time.now().getTime();
    for (const run of this.world.store.all()) this.checkDeadline(run, now);
    for (const [host, engine] of this.world.engines.entries()) {
      for (const agent of engine.agents) this.checkLeftover(agent.deployment, agent, agent.containerName, now);
      for (const resource of engine.shared) this.checkLeftover(resource, resource, resource.name, now);
      for (const runId of this.world.toolServers[host]?.folders ?? [])
        this.checkFolder(runId, "its tools' folder", now);
      for (const runId of this.world.egressProxies[host]?.folders ?? [])
        this.checkFolder(runId, "its way out's folder", now);
    }
    for (const decoy of this.decoys)
      if (!decoy.isRunning || decoy.stdin !== '') this.world.violations.add('I9', decoy.containerName, 'was touched');
  }

  private look(): void {
    this.lookAtAll();
    this.world.time.after(CHECK_EVERY_MS, () => this.look());
  }

  private noteChange(run: Run): void {
    const before = this.last.get(run.id);
    this.last.set(run.id, run);
    if (before?.status === run.status && before.phase === run.phase && before.epoch === run.epoch) return;
    this.world.note(`run ${run.id.slice(-4)}`, `${run.status}, ${run.phase}, epoch ${run.epoch}${errorMessage(run)}`);
    const { violations, tally } = this.world;
    if (before && run.epoch > before.epoch && run.phase !== 'queued' && run.phase !== 'finished') tally.add('adoption');
    if (run.status === 'cancelled' && before?.status !== 'cancelled' && run.cancelCode === 'replaced')
      tally.add('replaced');
    if (before && isTerminal(before.status) && before.status !== run.status)
      violations.add('I4', run.id, `${before.status} became ${run.status}`);
    if (before && RUN_PHASES.indexOf(run.phase) < RUN_PHASES.indexOf(before.phase))
      violations.add('I4', run.id, `phase ${before.phase} became ${run.phase}`);
    if (before && run.epoch < before.epoch) violations.add('I7', run.id, 'the epoch went back');
    if (run.status === 'timeout' && before?.status !== 'timeout') this.checkTimeout(run);
    if (run.status === 'running') this.checkOverlap(run);
    if (run.phase === 'finished' && before?.phase === 'tearing_down') this.checkReceipt(run);
  }

  private checkTimeout(run: Run): void {
    if (run.deadlineAt && this.world.time.now() >= run.deadlineAt) return;
    this.world.violations.add('I13', run.id, 'timeout before the deadline');
  }

  private checkOverlap(run: Run): void {
    const { scheduleId } = run;
    if (scheduleId === null) return;
    if ((this.world.schedules.scriptOfSchedule(scheduleId)?.overlap ?? 'allow') === 'allow') return;
    const running = this.world.fires.runsOf(scheduleId).filter(({ status }) => status === 'running');
    if (running.length > 1)
      this.world.violations.add(
        'I10',
        scheduleId,
        `${running.length} runs are active: ${running.map(({ id }) => id).join(', ')}`,
      );
  }

  /** The receipt says that the engine had nothing: nothing from before the teardown may be there. */
  private checkReceipt(run: Run): void {
    const begunAt = run.teardown.begunAt?.getTime() ?? 0;
    for (const engine of this.world.engines) {
      const containers = engine.agents.filter(({ deployment }) => this.isOurs(deployment, run));
      const shared = engine.shared.filter((resource) => this.isOurs(resource, run));
      for (const resource of [...containers, ...shared])
        if (resource.createdAt.getTime() < begunAt)
          this.world.violations.add('I8', run.id, `finished with a receipt, but ${nameOf(resource)} is still there`);
    }
  }

  private isOurs(of: { readonly installationId: string; readonly runId: string }, run: Run): boolean {
    return of.installationId === this.world.installationId && of.runId === run.id;
  }

  private checkDeadline(run: Run, now: number): void {
    if (!run.deadlineAt || !run.startedAt) return;
    if (run.deadlineAt.getTime() - run.startedAt.getTime() !== run.plan.timeoutMs)
      this.world.violations.add('I4', run.id, `its deadline was moved to ${run.deadlineAt.toISOString()}`);
    if (isTerminal(run.status)) return;
    const calmSince = this.calmSinceMs() + this.world.plan.startAt;
    // That it had ended in time may be found out later.
    const begunAt = run.teardown.begunAt?.getTime() ?? 0;
    if (now - Math.max(run.deadlineAt.getTime(), begunAt, calmSince) > LATE_AFTER_MS)
      this.world.violations.add('I4', run.id, `still ${run.status} (${run.phase}) long after its deadline`);
  }

  private checkLeftover(
    of: { readonly installationId: string; readonly runId: string },
    { createdAt }: { readonly createdAt: Date },
    name: string,
    now: number,
  ): void {
    if (of.installationId !== this.world.installationId) return;
    const run = this.last.get(of.runId) ?? this.world.store.all().find(({ id }) => id === of.runId);
    if (run && !isTerminal(run.status)) return;
    const since = Math.max(
      createdAt.getTime(),
      run?.finishedAt?.getTime() ?? 0,
      run ? collectedBy(run) : 0,
      this.calmSinceMs() + this.world.plan.startAt,
    );
    if (now - since <= LEFTOVER_AFTER_MS) return;
    if (run) this.world.violations.add('I8', run.id, `${name} is still there, ${now - since} ms after its end`);
    else this.world.violations.add('I9', name, 'bears the label, but there is no such run');
  }

  private checkFolder(runId: string, name: string, now: number): void {
    const run = this.last.get(runId);
    if (!run || run.phase !== 'finished' || !run.finishedAt) return;
    const verifiedAt = run.teardown.receipt?.verifiedAt?.getTime() ?? 0;
    const since = Math.max(run.finishedAt.getTime(), verifiedAt, this.calmSinceMs() + this.world.plan.startAt);
    if (now - since > LEFTOVER_AFTER_MS) this.world.violations.add('I8', run.id, `${name} is still there`);
  }
}

/** What is collected may stay until then. */
function collectedBy({ phase, teardown, concludedAt }: Run): number {
  if (phase === 'collecting') return (concludedAt?.getTime() ?? 0) + SIMULATED_LIMITS.collectMs;
  return teardown.begunAt?.getTime() ?? 0;
}

function nameOf(resource: FakeAgent | FakeShared): string {
  return 'containerName' in resource ? resource.containerName : resource.name;
}

function errorMessage(run: Run): string {
  const error = run.outcome?.error ?? run.notRunReason;
  return error ? ` (${error.code}: ${error.message})` : '';
}
