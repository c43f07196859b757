import type { Message } from '../../kit/client';

/** Makes the demo agent write down every prompt that reaches it, in the workspace of its run. */
export const RECORDING = { DEMO_RECORD: '/workspace/prompts.jsonl' } as const;

/** The last line of a prompt: the agent says what it wrote down. */
export const SAY_PROMPTS = 'read prompts.jsonl';

/** The prompts that arrived at the agent, by its own record: not what a worker believes to have sent. */
export function promptsAtAgent(messages: readonly Message[]): string[] {
  const said = messages.flatMap(({ kind, content }) => (kind === 'agent_message' ? [content.text ?? ''] : []));
  const records = said.flatMap((text) => [...text.matchAll(/^\{"at":.*\}$/gm)]);
  return records.map(([line]) => (JSON.parse(line) as { text: string }).text);
}
