import type { Failure } from '@crewtab/domain/errors';
import type { OrchestratorOptions } from './orchestrator-deps';

export type RunOutputLimits = Pick<OrchestratorOptions, 'outputLimit' | 'messageLimit'>;

/**
 * What a run's agents have said together, held against its limits. The first limit that is passed is how the run ends: from
 * then on nothing more is read of any agent. A worker that adopts the run comes to the same end, since it reads all lines again
 * and begins with the messages that are stored.
 *
 * Messages are counted as they are stored, so that a run may have one batch of each agent beyond the limit.
 */
export class RunOutput {
  private firstFailure: Failure | null = null;
  private readonly read = new Map<string, number>();
  private readonly delegated = new Map<string, number>();

  /** @param messages how many the run has already */
  constructor(
    private readonly limits: RunOutputLimits,
    private messages: number,
    private readonly onFailure: () => void,
  ) {
    this.checkMessages();
  }

  get failure(): Failure | null {
    return this.firstFailure;
  }

  /** @param chars all that was read of the agent's output, from its beginning */
  noteRead(agent: string, chars: number): void {
    this.read.set(agent, chars);
    this.checkChars(agent);
  }

  /** Tasks that an agent gave, and its answers to tasks: they are stored beside its output, and count as such. */
  noteDelegated(agent: string, chars: number): void {
    this.delegated.set(agent, (this.delegated.get(agent) ?? 0) + chars);
    this.checkChars(agent);
  }

  noteStored(messages: number): void {
    this.messages += messages;
    this.checkMessages();
  }

  fail(failure: Failure): void {
    if (this.firstFailure) return;
    this.firstFailure = failure;
    this.onFailure();
  }

  private checkChars(agent: string): void {
    const chars = (this.read.get(agent) ?? 0) + (this.delegated.get(agent) ?? 0);
    if (chars <= this.limits.outputLimit) return;
    this.fail({ code: 'output_limit', message: `agent "${agent}" wrote more output than a run may store` });
  }

  private checkMessages(): void {
    const { messageLimit } = this.limits;
    if (this.messages > messageLimit)
      this.fail({ code: 'message_limit', message: `the run has more than ${messageLimit} messages` });
  }
}
