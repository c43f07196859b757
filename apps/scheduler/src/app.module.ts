import { BullModule, getQueueToken } from '@nestjs/bullmq';
import { type DynamicModule, Module } from '@nestjs/common';
import {
  type RunsQueue,
  type TicksQueue,
  RUNS_QUEUE,
  TICKS_QUEUE,
  type QueueSettings,
} from '@crewtab/queue-bullmq/bullmq-queues';
import { httpControllers, httpProviders } from './http/http';
import { HTTP_DEPS, type HttpDeps } from './http/http-deps';

/** Nest's injection token for the firing half, which main starts and stops. */
export const FIRING = Symbol('FIRING');

/** The two queues that the scheduler app writes to. */
export interface SchedulerQueues {
  readonly ticks: TicksQueue;
  readonly runs: RunsQueue;
}

/** The scheduler app's only Nest module: registers the queues, and wires ports to adapters. */
@Module({})
export class AppModule {
  static with<Firing>(
    settings: QueueSettings,
    wire: (queues: SchedulerQueues) => { http: HttpDeps; firing: Firing },
  ): DynamicModule {
    const wired = Symbol('WIRED');
    return {
      module: AppModule,
      imports: [
        BullModule.forRoot(settings.producerOptions),
        BullModule.registerQueue({ name: TICKS_QUEUE }, { name: RUNS_QUEUE }),
      ],
      controllers: [...httpControllers],
      providers: [
        {
          provide: wired,
          useFactory: (ticks: TicksQueue, runs: RunsQueue) => wire({ ticks, runs }),
          inject: [getQueueToken(TICKS_QUEUE), getQueueToken(RUNS_QUEUE)],
        },
        { provide: HTTP_DEPS, useFactory: ({ http }: { http: HttpDeps }) => http, inject: [wired] },
        { provide: FIRING, useFactory: ({ firing }: { firing: Firing }) => firing, inject: [wired] },
        ...httpProviders,
      ],
    };
  }
}
