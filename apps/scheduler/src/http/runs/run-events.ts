import type { OnModuleDestroy } from '@nestjs/common';
import type { Response } from 'express';
import type { HttpDeps } from '../http-deps';
import { ChangeHub } from '../streams/change-hub';
import { LiveStreams } from '../streams/live-streams';
import { RunReads } from './run-reads';
import { RunEventStream, type StreamPosition } from './run-event-stream';

/** All live views of runs of this process. When it shuts down they are ended, so that their clients go to another one. */
export class RunEvents implements OnModuleDestroy {
  private readonly streams: LiveStreams<string>;
  private readonly reads: RunReads;

  constructor(deps: Pick<HttpDeps, 'runs' | 'clock' | 'logger' | 'runChanges'>) {
    this.reads = new RunReads(deps);
    this.streams = new LiveStreams(deps, new ChangeHub((tell) => deps.runChanges.onRunChanged(tell)));
  }

  /** How many clients are watching. */
  get openStreams(): number {
    return this.streams.size;
  }

  /** Throws only before the first byte; later failures break the stream off, and the client resumes where it was. */
  stream(position: StreamPosition, response: Response): Promise<void> {
    const { runId } = position;
    return this.streams.serve(response, { key: runId, about: { runId } }, (writer, news) =>
      new RunEventStream(this.reads, position, writer, news).run(),
    );
  }

  onModuleDestroy(): Promise<void> {
    return this.streams.close();
  }
}
