import { LABELS } from './engine-objects';
import type { EngineEvent, PromptRecord } from './evidence';

/** Docker's default hostname is how the container's id begins; a shorter one was chosen by a person. */
const SHORT_ID = /^[0-9a-f]{12}$/;

/** Agents that speak no ids are told apart by the container that wrote the line, whose labels the engine's events have. */
export function attributePrompts(
  prompts: readonly PromptRecord[],
  engineEvents: readonly EngineEvent[],
): PromptRecord[] {
  const writers = new Map<string, { readonly runId: string; readonly agent: string | null }>();
  for (const { kind, action, id, attributes } of engineEvents) {
    const runId = attributes[LABELS.run];
    if (kind === 'container' && action === 'create' && runId !== undefined)
      writers.set(id.slice(0, 12), { runId, agent: attributes[LABELS.agent] ?? null });
  }
  return prompts.map((prompt) => {
    if (prompt.runId !== null || prompt.hostname === null || !SHORT_ID.test(prompt.hostname)) return prompt;
    return { ...prompt, ...writers.get(prompt.hostname) };
  });
}
