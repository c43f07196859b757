import { AppError } from '@crewtab/domain/errors';
import type { PromptRenderer } from '@crewtab/domain/ports/prompt-renderer';
import type { PromptFacts } from '@crewtab/domain/runs/prompt-facts';

/** Puts the window in the place of `{{ window }}`, and cannot render `{{ fault }}`. Counts what it is asked. */
export class FakePromptRenderer implements PromptRenderer {
  rendered = 0;

  findFaults(): [] {
    return [];
  }

  render(template: string, { window: { start, end } }: PromptFacts): string {
    this.rendered += 1;
    if (template.includes('{{ fault }}'))
      throw new AppError('template_failed', 'line 1, column 4: there is no "fault"');
    return template.replaceAll('{{ window }}', `${start.toISOString()} to ${end.toISOString()}`);
  }
}
