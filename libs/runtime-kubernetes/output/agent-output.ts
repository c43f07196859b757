import { setTimeout as delay } from 'node:timers/promises';
import { RecordReader } from '@crewtab/agent-guard/guard-records';
import type { AgentProcess, OutputLine } from '@crewtab/domain/ports/runtime';
import { LineSplitter } from '@crewtab/domain/runs/agent-output';
import type { ClusterClient } from '../cluster/cluster-client';
import { isRefusal, toAppError } from '../cluster/cluster-errors';
import { PodExec } from '../cluster/pod-exec';
import { keeperOf } from '../pod/keeper';
import { KEEPER_PROGRAM, keeperView } from '../pod/pod-spec';
import { findPod, inspectAgent, type AgentHandle } from './agent-handle';

/** A follower says a word every 5 s: after so long without one its connection is dead. */
const SILENT_MS = 20_000;
const AGAIN_MS = 100;
/** The cluster hears of an end a while after it: so long it may say that the agent runs though its output has ended. */
const END_LOOK_MS = 100;
const END_LIMIT_MS = 15_000;
const END = /end (\d+)\n/;

type End = Exclude<AgentProcess['status'], 'created' | 'running'>;

/**
 * What an agent says, from its guard's file. A follower in the pod's keeper brings it from a position on; only its own last words are an
 * end, and after any other end the file is asked for from where the last one came to.
 */
export class AgentOutput {
  /** Null while there may be more. */
  ended: End | null = null;
  private isClosed = false;
  /** All records before it were given. */
  private position = 0;
  private exec: PodExec | null = null;
  private readonly lineEnds: Readonly<Record<OutputLine['stream'], LineSplitter>>;

  constructor(
    private readonly client: ClusterClient,
    private readonly handle: AgentHandle,
    longestLineBytes: number | undefined,
  ) {
    this.lineEnds = { stdout: new LineSplitter(longestLineBytes), stderr: new LineSplitter(longestLineBytes) };
  }

  async *lines(): AsyncGenerator<OutputLine> {
    while (this.ended === null && !this.isClosed) {
      const wasWhole = yield* this.follow();
      if (this.isClosed) return;
      this.ended = await this.confirmEnd(wasWhole);
      if (this.ended === null) await delay(AGAIN_MS);
    }
    if (this.isClosed) return;
    for (const stream of ['stdout', 'stderr'] as const) {
      const last = this.lineEnds[stream].end();
      if (last) yield { stream, ...last };
    }
  }

  close(): void {
    this.isClosed = true;
    this.exec?.close();
  }

  /** @returns true where the follower has said that this is all */
  private async *follow(): AsyncGenerator<OutputLine, boolean> {
    const exec = await this.startFollower();
    if (exec === null) return false;
    exec.silenceLimitMs = SILENT_MS;
    const records = new RecordReader();
    let reached = this.position;
    try {
      for await (const chunk of exec.stdout()) {
        reached += chunk.length;
        for (const record of records.push(chunk)) {
          // The agent can write to the file: what is not the next record is no word of its guard.
          if (record.kind === 'foreign' || record.position !== this.position) continue;
          this.position = record.end;
          if (record.kind === 'piece') yield* this.give(record.stream, record.bytes);
        }
        if (this.isClosed) return false;
      }
      await exec.end;
      // Its words come by another channel than the output, of which the end may be missing.
      return Number(END.exec(exec.stderr)?.[1] ?? NaN) === reached;
    } finally {
      exec.close();
    }
  }

  /** Null where its pod has no keeper that could be asked. @throws AppError `engine_unreachable` */
  private async startFollower(): Promise<PodExec | null> {
    const pod = await findPod(this.client, this.handle);
    if (pod === null || this.isClosed) return null;
    const act = [KEEPER_PROGRAM, 'follow', keeperView.guard(this.handle.agent), String(this.position)];
    try {
      this.exec = await PodExec.start(this.client, keeperOf(pod), act);
      if (this.isClosed) this.exec.close();
      return this.exec;
    } catch (error) {
      // Gone since; or a keeper that has ended, which the cluster tells by then.
      if (isRefusal(error, 400, 404)) return null;
      const now = await inspectAgent(this.client, this.handle);
      if (now.status === 'exited' || now.status === 'absent') return null;
      throw toAppError(error);
    }
  }

  /** Null where there is more to come. */
  private async confirmEnd(wasWhole: boolean): Promise<End | null> {
    for (const giveUpAt = performance.now() + END_LIMIT_MS; !this.isClosed; await delay(END_LOOK_MS)) {
      const { status, ...end } = await inspectAgent(this.client, this.handle);
      if (status === 'absent') return status;
      if (status === 'exited' && (wasWhole || ('mayLackOutput' in end && end.mayLackOutput))) return status;
      if (!wasWhole || performance.now() > giveUpAt) return null;
    }
    return null;
  }

  private *give(stream: OutputLine['stream'], bytes: Buffer): Generator<OutputLine> {
    for (const line of this.lineEnds[stream].push(bytes)) yield { stream, ...line };
  }
}
