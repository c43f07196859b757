import { Controller, Inject } from '@nestjs/common';
import { renderPrompt, renderSchedule, type RenderedView } from '@crewtab/api-contract/prompt-routes';
import { AppError } from '@crewtab/domain/errors';
import { factsOf, type PromptRecord } from '@crewtab/domain/runs/prompt-facts';
import { Route, type RouteInput } from '../contract/route';
import { HTTP_DEPS, type HttpDeps } from '../http-deps';
import { found } from '../input/found';
import { invalidInput } from '../server/problem';
import { refuseFaultyPrompt, type PromptSource } from './check-prompt';
import { planInstants } from './fire-instants';

/** Stands for the id of a run that there is not yet. */
const NO_RUN = '00000000-0000-0000-0000-000000000000';

/** What a run would be told, without one. */
@Controller()
export class PromptsController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: Pick<HttpDeps, 'schedules' | 'history' | 'prompts' | 'time'>) {}

  @Route(renderSchedule)
  async renderSchedule({ caller, params, body }: RouteInput<typeof renderSchedule>): Promise<RenderedView> {
    const { organizationId } = caller;
    const schedule = found('schedule', await this.deps.schedules.getSchedule(organizationId, params.id));
    const scheduledFor = schedule.nextRunAt ?? (await this.deps.time.now());
    const record = await this.deps.history.readPromptRecord(organizationId, schedule.id, scheduledFor);
    const source = {
      prompt: body.prompt ?? schedule.prompt,
      promptFormat: body.promptFormat ?? schedule.promptFormat,
      variables: body.variables ?? schedule.variables,
    };
    return this.render(source, found('schedule', record), scheduledFor);
  }

  @Route(renderPrompt)
  async renderDraft({ body }: RouteInput<typeof renderPrompt>): Promise<RenderedView> {
    const { name, cron, timezone, ...source } = body;
    const now = await this.deps.time.now();
    const due = cron === undefined ? null : planInstants({ cron, timezone, enabled: true }, now).nextFireAt;
    const record = {
      ...{ scheduleName: name, timezone, scheduleCreatedAt: now },
      ...{ coveredUntil: null, keptWindow: null, lastRun: null },
    };
    return this.render(source, record, due ?? now);
  }

  private render(source: PromptSource, record: PromptRecord, scheduledFor: Date): RenderedView {
    refuseFaultyPrompt(this.deps.prompts, source);
    const facts = factsOf(record, { id: NO_RUN, scheduledFor, variables: source.variables });
    const { start, end } = facts.window;
    const prompt = source.promptFormat === 'plain' ? source.prompt : this.tryRender(source.prompt, facts);
    const window = { start: start.toISOString(), end: end.toISOString() };
    return { prompt, scheduledFor: scheduledFor.toISOString(), window };
  }

  private tryRender(prompt: string, facts: ReturnType<typeof factsOf>): string {
    try {
      return this.deps.prompts.render(prompt, facts);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'template_failed') throw error;
      throw invalidInput([{ path: 'prompt', message: error.message }]);
    }
  }
}
