import type { PromptFacts, PromptVariables } from '../runs/prompt-facts';

/** Turns a template and what it may name into a prompt. Computes only: no file, no network, within limits of time and size. */
export interface PromptRenderer {
  /** What is wrong with a template as far as can be told without facts: its syntax, and names that there are not. */
  findFaults(template: string, variables: PromptVariables): readonly TemplateFault[];
  /** @throws AppError `template_failed`, with the place */
  render(template: string, facts: PromptFacts): string;
}

export interface TemplateFault {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export function describeFault({ line, column, message }: TemplateFault): string {
  return `line ${line}, column ${column}: ${message}`;
}
