import { AppError, type ErrorCode, type Failure } from '@crewtab/domain/errors';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { DeploymentSpec } from '@crewtab/domain/ports/runtime';
import type { KeptArtifact } from '@crewtab/domain/runs/artifact';
import type { Observation } from '@crewtab/domain/runs/observation';
import type { Run } from '@crewtab/domain/runs/run';
import type { Verification } from '@crewtab/domain/runs/verification';
import type { Warning } from '@crewtab/domain/runs/warning';
import type { RunMask } from '../masking/masked-deps';
import { BackgroundWork } from './background-work';
import { ArtifactCollector } from './collect-artifacts';
import type { OrchestratorDeps } from './orchestrator-deps';
import { pushWork } from './push-work';
import { agentSpec, deploymentSpec } from './team-deployment';
import { verifyWork } from './verify-work';

export interface FinishedWorkOptions {
  readonly installationId: string;
  readonly logger: Logger;
  readonly mask: RunMask;
  readonly onChange: () => void;
}

/**
 * What is done with a run's work once its agents are to do no more: they are stopped, their work is verified, and what they
 * left is kept. Stopping comes first each time, and takes along what a worker before this one has left running: no
 * two verifications are at work in one workspace.
 */
export class FinishedWork {
  private verification: BackgroundWork<Verification> | null = null;
  private push: BackgroundWork<Failure | null> | null = null;
  private collection: BackgroundWork<void> | null = null;
  private collector: ArtifactCollector | null = null;

  constructor(
    private readonly deps: OrchestratorDeps,
    private readonly options: FinishedWorkOptions,
  ) {}

  observe(): Pick<Observation, 'verifying' | 'pushing' | 'collecting'> {
    return {
      ...(this.verification && { verifying: this.verification.state }),
      ...(this.push && { pushing: this.push.state }),
      ...(this.collection && { collecting: this.collection.state }),
    };
  }

  verify(run: Run): void {
    const deployment = this.specOf(run);
    this.verification = this.start('verification_failed', async (signal) => {
      await this.stopAgents(run, 0);
      return verifyWork(this.deps, run, deployment, signal);
    });
  }

  /** After its verification, which has stopped the agents and what a worker before this one has left running. */
  pushOut(run: Run, onProgress: (text: string) => void): void {
    const deployment = this.specOf(run);
    this.push = this.start('push_failed', (signal) => pushWork(this.deps, run, deployment, onProgress, signal));
  }

  collect(run: Run, graceMs: number): void {
    const { runtime, artifacts, options } = this.deps;
    const deployment = this.specOf(run);
    const { verification, push } = this;
    this.collection = this.start('artifact_store_unreachable', async (signal) => {
      await Promise.all([verification?.stop(), push?.stop()]);
      await this.stopAgents(run, graceMs);
      if (!artifacts) throw new AppError('artifact_store_unreachable', 'this worker has no store for artifacts');
      const { artifacts: globs = [] } = run.plan;
      this.collector ??= new ArtifactCollector({
        runtime,
        store: artifacts,
        limits: options.artifactLimits,
        mask: this.options.mask.current,
        deployment,
        globs,
      });
      await this.collector.collect(signal);
    });
  }

  /** What was kept so far, and what to say of the rest. Nothing is kept any more. */
  endCollecting(): { readonly kept: readonly KeptArtifact[]; readonly warnings: readonly Warning[] } {
    const state = this.collection?.state;
    void this.collection?.stop();
    const { kept = [] } = this.collector ?? {};
    const warnings = this.collector?.warnings(state?.status !== 'done') ?? [INCOMPLETE];
    if (state?.status !== 'failed') return { kept, warnings };
    this.options.logger.warn({ error: state.failure.message }, 'artifacts could not be collected');
    return {
      kept,
      warnings: [...warnings.filter(({ code }) => code !== INCOMPLETE.code), failed(state.failure.message)],
    };
  }

  /** Resolves when no call of ours is under way any more. */
  async stop(): Promise<void> {
    await Promise.all([this.verification?.stop(), this.push?.stop(), this.collection?.stop()]);
  }

  private start<T>(otherwise: ErrorCode, work: (signal: AbortSignal) => Promise<T>): BackgroundWork<T> {
    const { clock } = this.deps;
    const { logger, onChange } = this.options;
    return new BackgroundWork({ clock, logger, work, otherwise, onChange });
  }

  private stopAgents(run: Run, graceMs: number): Promise<void> {
    return this.deps.runtime.stop(this.options.installationId, run.id, { graceMs, epoch: run.epoch });
  }

  private specOf(run: Run): DeploymentSpec {
    const agents = run.plan.agents.map((agent) =>
      agentSpec(agent, this.deps.protocols, null, this.options.mask.current),
    );
    return deploymentSpec(run, this.options.installationId, agents, { kind: 'none' });
  }
}

const INCOMPLETE: Warning = {
  code: 'artifacts_incomplete',
  message: 'the time for it was over before the artifacts were collected',
};

function failed(message: string): Warning {
  return { code: 'artifacts_incomplete', message: `the artifacts could not be collected: ${message}` };
}
