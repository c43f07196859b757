import type {
  Decommission,
  HostStanding,
  HostStore,
  LostRun,
  Readmission,
  HostCleanup,
  SchedulerHeartbeat,
  SystemState,
  WorkerHeartbeat,
} from '@crewtab/domain/ports/host-store';
import type { WorkerIdentity } from '@crewtab/domain/ports/run-store';
import type { Run } from '@crewtab/domain/runs/run';
import { endLostRuns } from './host-lost-runs';
import { forgetScheduler, forgetWorker, noteScheduler, noteWorker } from './host-heartbeats';
import { claimPendingTeardowns, decommission, readmit } from './host-standing';
import type { RunContext } from './run-context';
import { readSystem } from './system-state';

/** Who is there, and what becomes of runs whose host is not. The statements stand in host-*.ts and system-state.ts. */
export class PrismaHostStore implements HostStore {
  constructor(private readonly context: RunContext) {}

  noteWorker(sign: WorkerHeartbeat): Promise<HostStanding> {
    return noteWorker(this.context.db, sign);
  }

  forgetWorker(workerId: string): Promise<void> {
    return forgetWorker(this.context.db, workerId);
  }

  readmit(host: string, pass: HostCleanup): Promise<Readmission> {
    return readmit(this.context, host, pass);
  }

  claimPendingTeardowns(worker: WorkerIdentity, limit: number): Promise<Run[]> {
    return claimPendingTeardowns(this.context, worker, limit);
  }

  noteScheduler(sign: SchedulerHeartbeat): Promise<void> {
    return noteScheduler(this.context.db, sign);
  }

  forgetScheduler(schedulerId: string): Promise<void> {
    return forgetScheduler(this.context.db, schedulerId);
  }

  endLostRuns(schedulerId: string, hostTimeoutMs: number): Promise<LostRun[]> {
    return endLostRuns(this.context, schedulerId, hostTimeoutMs);
  }

  decommission(host: string, by: string): Promise<Decommission> {
    return decommission(this.context, host, by);
  }

  readSystem(): Promise<SystemState> {
    return readSystem(this.context.db);
  }
}
