import { AppError, type ErrorCode, type Failure } from '@crewtab/domain/errors';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { DeploymentSpec } from '@crewtab/domain/ports/runtime';
import type { KeptArtifact } from '@crewtab/domain/runs/artifact';
import type { Observation } from '@crewtab/domain/runs/observation';
import type { Run } from '@crewtab/domain/runs/run';
import type { Verification } from '@crewtab/domain/runs/verification';
import { DIFF_FILE } from '@crewtab/domain/teams/workspace';
import type { Warning } from '@crewtab/domain/runs/warning';
import type { RunMask } from '../masking/masked-deps';
import { BackgroundWork } from './background-work';
import { ArtifactCollector } from './collect-artifacts';
import type { OrchestratorDeps } from './orchestrator-deps';
import { DIFF_SCRIPT, PARTIAL } from './diff-script';
import { runHelper } from './git-helper';
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
  /** Why there is no whole file of changes, though one was asked for. */
  private diffFault: string | null = null;

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
      const globs = await this.withDiff(run, deployment, signal);
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
    const told = this.collector?.warnings(state?.status !== 'done') ?? [INCOMPLETE];
    const warnings = this.diffFault === null ? told : [...told, noDiff(this.diffFault)];
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

  /** Makes the file of changes first, where one is asked for. @returns what is to be kept */
  private async withDiff(run: Run, deployment: DeploymentSpec, signal: AbortSignal): Promise<readonly string[]> {
    const { artifacts: globs = [], workspace } = run.plan;
    if (!workspace?.git?.diff || !run.repository) return globs;
    const { git } = workspace;
    const env = { CREWTAB_COMMIT: run.repository.commit };
    const task = { git, run, deployment, script: DIFF_SCRIPT, env, reach: 'none' } as const;
    const { end, exitCode, words } = await runHelper(this.deps, task, signal);
    const isWhole = end === 'exited' && exitCode === 0;
    const isMade = isWhole || (end === 'exited' && exitCode === PARTIAL);
    const what = isMade ? 'is without what could not be read' : 'could not be made';
    this.diffFault = isWhole ? null : `${DIFF_FILE} ${what}: ${words}`;
    return isMade ? [...globs, DIFF_FILE] : globs;
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

function noDiff(words: string): Warning {
  return { code: 'artifacts_incomplete', message: words };
}

function failed(message: string): Warning {
  return { code: 'artifacts_incomplete', message: `the artifacts could not be collected: ${message}` };
}
