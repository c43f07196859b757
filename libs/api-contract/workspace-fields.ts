import { z } from 'zod';
import { RUNTIMES, type RuntimeCapabilities, type RuntimeKind } from '@crewtab/domain/runtimes';
import { findFileFaults } from '@crewtab/domain/teams/workspace';
import { text } from './fields';
import { LIMITS } from './limits';

const filesField = z
  .record(z.string().max(LIMITS.workspacePathLength), text(0, LIMITS.workspaceBytes))
  .superRefine((files, context) => {
    for (const { path, message } of findFileFaults(files))
      context.addIssue({ code: 'custom', path: [...path], message });
  })
  .meta({
    description: `Texts by their path in the workspace, written before the agents start: at most ${LIMITS.workspaceFiles} files, ${LIMITS.workspaceBytes / 1024} KiB together. Not for secrets.`,
    examples: [{ 'notes/style.md': 'Short sentences.\n' }],
  });

/** What a team's runs find in their workspace. */
export function workspaceField(runtime: RuntimeKind) {
  const { preparesWorkspace }: RuntimeCapabilities = RUNTIMES[runtime];
  return z
    .strictObject({ files: filesField.optional() })
    .nullable()
    .superRefine((workspace, context) => {
      if (!workspace || preparesWorkspace) return;
      const message = `cannot be had under the ${runtime} runtime, whose agents start together with their workspace`;
      context.addIssue({ code: 'custom', message });
    })
    .meta({ description: 'What each run finds in its workspace. Null: an empty folder.' });
}

export const workspaceView = z
  .object({ files: z.record(z.string(), z.string()).optional() })
  .nullable()
  .meta({ description: 'What each run finds in its workspace. Null: an empty folder.' });
