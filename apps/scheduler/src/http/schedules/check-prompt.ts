import { describeFault, type PromptRenderer } from '@crewtab/domain/ports/prompt-renderer';
import type { PromptFormat, PromptVariables } from '@crewtab/domain/runs/prompt-facts';
import { invalidInput } from '../server/problem';

export interface PromptSource {
  readonly prompt: string;
  readonly promptFormat: PromptFormat;
  readonly variables: PromptVariables;
}

/** Nothing is stored that could never be rendered. @throws RequestRefused with the first fault of the template, at its place */
export function refuseFaultyPrompt(
  prompts: Pick<PromptRenderer, 'findFaults'>,
  { prompt, promptFormat, variables }: PromptSource,
): void {
  if (promptFormat === 'plain') return;
  const faults = prompts.findFaults(prompt, variables);
  if (faults.length > 0) throw invalidInput([{ path: 'prompt', message: faults.map(describeFault).join('; ') }]);
}
