import { appendFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Settings } from './settings';

/**
 * Appends one line to the file that DEMO_RECORD names, before anything is done about the prompt: what a test counts
 * there is what arrived at the agent, not what a worker believes that it sent. One write with O_APPEND, so that
 * several agents may share the file. In a container the hostname begins the container's id, which tells who wrote it.
 */
export function recordPrompt(
  settings: Settings,
  prompt: { readonly protocol: string; readonly requestId: unknown; readonly text: string },
): void {
  if (!settings.recordPath) return;
  const at = new Date().toISOString();
  appendFileSync(settings.recordPath, `${JSON.stringify({ at, hostname: hostname(), pid: process.pid, ...prompt })}\n`);
}
