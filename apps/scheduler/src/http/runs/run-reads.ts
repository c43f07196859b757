import type { ShownRun } from '@crewtab/domain/runs/run';
import type { HttpDeps } from '../http-deps';
import { SharedReads } from '../streams/shared-reads';
import { encodeEvent } from '../streams/sse-writer';
import { toMessageView, toRunView } from './run-view';

/** Messages that are held in memory at a time; their bytes are limited by the store. */
const MAX_PAGE = 100;

export interface ReadRun {
  readonly run: ShownRun;
  /** Its view as JSON. */
  readonly json: string;
}

interface EncodedPage {
  readonly messages: readonly { readonly seq: number; readonly chunk: Buffer }[];
  readonly hasMore: boolean;
}

/** What the readers of a run are sent: read and encoded once for all that stand at the same place. */
export class RunReads {
  private readonly runs = new SharedReads<ReadRun | null>();
  private readonly pages = new SharedReads<EncodedPage>();

  constructor(private readonly deps: Pick<HttpDeps, 'runs'>) {}

  run(organizationId: string, runId: string): Promise<ReadRun | null> {
    return this.runs.read(`${organizationId} ${runId}`, async () => {
      const run = await this.deps.runs.getRun(organizationId, runId);
      return run && { run, json: JSON.stringify(toRunView(run)) };
    });
  }

  messages(organizationId: string, runId: string, after: number): Promise<EncodedPage> {
    return this.pages.read(`${organizationId} ${runId} ${after}`, async () => {
      const page = await this.deps.runs.listMessages(organizationId, runId, after, {
        limit: MAX_PAGE,
        contents: 'whole',
      });
      const messages = (page?.items ?? []).map((message) => ({
        seq: message.seq,
        chunk: encodeEvent('message', String(message.seq), JSON.stringify(toMessageView(message))),
      }));
      return { messages, hasMore: page?.hasMore ?? false };
    });
  }
}
