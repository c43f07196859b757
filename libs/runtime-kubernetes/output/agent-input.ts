import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@crewtab/domain/errors';
import { effect } from '@crewtab/domain/failpoint';
import type { ClusterClient } from '../cluster/cluster-client';
import { isRefusal, toAppError, unreachable } from '../cluster/cluster-errors';
import { PodExec } from '../cluster/pod-exec';
import { KEEPER_CODES, keeperOf } from '../pod/keeper';
import { KEEPER_PROGRAM, keeperView } from '../pod/pod-spec';
import { findPod, inspectAgent, type AgentHandle } from './agent-handle';

const AGAIN_MS = 100;
const AGAIN_MAX_MS = 2_000;

/**
 * Writes to an agent through a feeder in its pod's keeper: one piece at a time, in order. Each has an id; the feeder's answer says that
 * the pod has all of it, and a piece that was not answered comes again with its id, after which the pod has it once.
 */
export class AgentInput {
  private feeder: Feeder | null = null;
  private isClosed = false;
  private isEnded = false;
  private queue: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly client: ClusterClient,
    private readonly handle: AgentHandle,
    /** Why nothing can be written any more, or null. */
    private readonly refusal: () => AppError | null,
  ) {}

  write(data: string): Promise<void> {
    return this.inTurn(() => effect('kubernetes.input.write', () => this.send(Buffer.from(data, 'utf8'), false)));
  }

  end(): Promise<void> {
    return this.inTurn(async () => {
      if (this.isEnded) return;
      await effect('kubernetes.input.end', () => this.send(Buffer.alloc(0), true));
      this.isEnded = true;
    });
  }

  /** A piece under way may arrive or not. */
  close(): void {
    this.isClosed = true;
    this.feeder?.close();
  }

  private inTurn(act: () => Promise<void>): Promise<void> {
    const turn = this.queue.then(act);
    this.queue = turn.catch(() => undefined);
    return turn;
  }

  private async send(bytes: Buffer, isLast: boolean): Promise<void> {
    if (this.isEnded) throw inputEnded();
    const id = randomUUID();
    const untilMs = performance.now() + this.client.limits.writeMs;
    for (let tries = 1; ; tries++) {
      this.throwIfRefused();
      try {
        const feeder = await this.openFeeder();
        return throwUnlessTaken(await feeder.feed(id, bytes, isLast));
      } catch (error) {
        this.feeder?.close();
        this.feeder = null;
        await this.throwUnlessPassing(error, untilMs);
        await delay(Math.min(tries * AGAIN_MS, AGAIN_MAX_MS));
      }
    }
  }

  /** What has ended takes nothing more, however the connection broke. */
  private async throwUnlessPassing(error: unknown, untilMs: number): Promise<void> {
    const isPassing = (error instanceof AppError && error.retryable) || isRefusal(error, 400, 404);
    if (!isPassing || performance.now() > untilMs || this.isClosed) throw toAppError(error);
    const { status } = await inspectAgent(this.client, this.handle).catch(() => ({ status: 'unknown' as const }));
    if (status === 'absent') throw new AppError('agent_vanished', 'the cluster does not know the pod of this agent');
    if (status === 'exited') throw new AppError('agent_exited', 'the agent has ended');
  }

  private async openFeeder(): Promise<Feeder> {
    if (this.feeder?.isOpen) return this.feeder;
    const pod = await findPod(this.client, this.handle);
    if (pod === null) throw new AppError('agent_vanished', 'the cluster does not know the pod of this agent');
    const act = [KEEPER_PROGRAM, 'feed', keeperView.guard(this.handle.agent)];
    const exec = await PodExec.start(this.client, keeperOf(pod), act);
    this.feeder = new Feeder(exec, this.client.limits.execMs);
    return this.feeder;
  }

  private throwIfRefused(): void {
    const refused = this.isClosed ? new AppError('engine_error', 'the channel is closed') : this.refusal();
    if (refused) throw refused;
  }
}

/** One connection to a feeder, which takes any number of pieces. */
class Feeder {
  isOpen = true;
  private said = '';
  private readonly answers: AsyncGenerator<Buffer>;

  constructor(
    private readonly exec: PodExec,
    private readonly limitMs: number,
  ) {
    this.answers = exec.stdout();
    void exec.end.then(() => (this.isOpen = false));
  }

  /** @returns a code of the keeper. @throws AppError `engine_unreachable` where it is not known whether the pod has it */
  async feed(id: string, bytes: Buffer, isLast: boolean): Promise<number> {
    const timer = setTimeout(() => this.exec.close(), this.limitMs);
    try {
      await this.exec.write(Buffer.concat([Buffer.from(`${id} ${bytes.length}${isLast ? ' end' : ''}\n`), bytes]));
      return await this.answerTo(id);
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.exec.close();
  }

  private async answerTo(id: string): Promise<number> {
    for (;;) {
      const [, answered, code] = /^(\S+) (\d+)\n/.exec(this.said) ?? [];
      if (answered === id) {
        this.said = '';
        return Number(code);
      }
      const next = await this.answers.next();
      if (next.done) {
        const end = await this.exec.end;
        throw unreachable('take input for the agent', end.how === 'broken' ? end.why : this.exec.stderr);
      }
      this.said += next.value.toString('utf8');
    }
  }
}

function throwUnlessTaken(code: number): void {
  switch (code) {
    case 0:
      return;
    case KEEPER_CODES.agentEnded:
      throw new AppError('agent_exited', 'the agent has ended');
    case KEEPER_CODES.inputEnded:
      throw inputEnded();
    case KEEPER_CODES.inputFull:
      throw new AppError('engine_error', 'the agent does not read what is written to it, and no more of it is kept');
    default:
      throw new AppError('engine_error', `the keeper of the pod did not take the input (${code})`);
  }
}

function inputEnded(): AppError {
  return new AppError('engine_error', 'the input of this agent has ended');
}
