import { BullModule, type WorkerHost } from '@nestjs/bullmq';
import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import {
  type QueueSettings,
  RUNS_QUEUE,
  stepsQueue,
  TICKS_QUEUE,
  type PausableProcessor,
  runsProcessor,
  stepsProcessor,
  ticksProcessor,
} from '@crewtab/queue-bullmq/bullmq-queues';

/** The engine functions that the queues of a worker call. */
export interface WorkerEdges {
  readonly host: string;
  readonly fire: () => Promise<unknown>;
  readonly take: (runId: string) => Promise<'taken' | 'full' | 'unavailable'>;
  readonly adopt: () => Promise<unknown>;
}

export interface WorkerProcessors {
  readonly ticks: WorkerHost;
  readonly runs: PausableProcessor;
  readonly steps: WorkerHost;
}

/** Thin consumers of the three queues; each calls one function of the engine. */
export function workerProcessors(edges: WorkerEdges, settings: QueueSettings): WorkerProcessors {
  const { connection: _connection, ...workerOptions } = settings.workerOptions;
  return {
    ticks: ticksProcessor(edges.fire, workerOptions),
    runs: runsProcessor({ take: edges.take }, workerOptions),
    steps: stepsProcessor(edges.host, edges.adopt, workerOptions),
  };
}

/** The worker's only Nest module: registers the queues and hands their consumers to Nest. */
@Module({})
export class WorkerModule {
  static with(host: string, processors: WorkerProcessors, settings: QueueSettings): DynamicModule {
    const queues = [TICKS_QUEUE, RUNS_QUEUE, stepsQueue(host)].map((name) => ({ name }));
    const providers: Provider[] = Object.entries(processors).map(([name, processor]) => ({
      provide: `${name}-processor`,
      useValue: processor as WorkerHost,
    }));
    return {
      module: WorkerModule,
      imports: [BullModule.forRoot(settings.workerOptions), BullModule.registerQueue(...queues)],
      providers,
    };
  }
}
