import { z } from 'zod';
import { RUNTIMES, type RuntimeCapabilities, type RuntimeKind } from '@crewtab/domain/runtimes';
import {
  DEFAULT_GIT_USER,
  DIFF_FILE,
  findFileFaults,
  findRefFault,
  findUrlFault,
} from '@crewtab/domain/teams/workspace';
import { line, secretName, text } from './fields';
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

const urlField = faultless(line(1, LIMITS.urlLength), findUrlFault);
const refField = faultless(line(1, LIMITS.gitRefLength), findRefFault);

const gitField = z
  .strictObject({
    url: urlField.meta({ description: 'https:// or http://, without a user and a password.' }),
    ref: refField
      .optional()
      .meta({ description: "A branch, a tag, or the whole id of a commit; default: the repository's own choice." }),
    depth: z.int().min(1).max(LIMITS.gitDepth).optional().meta({ description: 'So many commits; default: all.' }),
    secret: secretName
      .optional()
      .meta({ description: 'The name of the secret that is the password or token. No agent gets it.' }),
    username: line(1, LIMITS.gitUserLength)
      .optional()
      .meta({ description: `Goes with the secret; default ${DEFAULT_GIT_USER}.` }),
    push: z
      .strictObject({ branch: refField })
      .optional()
      .meta({
        description:
          'Where the commit that a run leaves at HEAD goes, once it has ended well and its verification has passed: by a helper with the secret, forward only, and never past what others pushed since the run began. Without it the run is no success.',
        examples: [{ branch: 'crewtab/updates' }],
      }),
    diff: z
      .boolean()
      .optional()
      .meta({
        description: `True: what a run has changed since the repository was fetched is kept as its artifact ${DIFF_FILE}, also what was not committed. Needs a store of artifacts.`,
      }),
  })
  .superRefine(({ username, secret, push }, context) => {
    if (push && secret === undefined)
      context.addIssue({ code: 'custom', path: ['push'], message: 'needs a secret, with which the helper pushes' });

    if (username !== undefined && secret === undefined)
      context.addIssue({ code: 'custom', path: ['username'], message: 'goes with a secret' });
  })
  .meta({
    description: 'A repository that a helper of Crewtab fetches before the agents start, on that branch or commit.',
    examples: [{ url: 'https://github.com/example/site.git', ref: 'main', depth: 1, secret: 'github' }],
  });

const persistField = z.boolean().meta({
  description:
    'True: the workspace stays on its host between the runs of a schedule, whose overlap policy must not be allow. It is lost with its host, and removed when it is too old or too large (KEPT_WORKSPACE_AGE, KEPT_WORKSPACE_LIMIT); the next run begins with an empty one then and has the warning workspace_fresh, as a run without a schedule has.',
});

function faultless(field: z.ZodType<string, string>, findFault: (value: string) => string | null) {
  return field.superRefine((value, context) => {
    const message = findFault(value);
    if (message !== null) context.addIssue({ code: 'custom', message });
  });
}

/** What a team's runs find in their workspace. */
export function workspaceField(runtime: RuntimeKind) {
  const { preparesWorkspace, clonesRepositories, keepsWorkspaces }: RuntimeCapabilities = RUNTIMES[runtime];
  return z
    .strictObject({ files: filesField.optional(), git: gitField.optional(), persist: persistField.optional() })
    .nullable()
    .superRefine((workspace, context) => {
      if (workspace?.persist && preparesWorkspace && !keepsWorkspaces) {
        const message = `cannot be had under the ${runtime} runtime, which removes all that a run has`;
        context.addIssue({ code: 'custom', path: ['persist'], message });
      }
      if (workspace?.git && preparesWorkspace && !clonesRepositories) {
        const message = `cannot be had under the ${runtime} runtime, which cannot keep its credentials from agents`;
        context.addIssue({ code: 'custom', path: ['git'], message });
      }
      if (!workspace || preparesWorkspace) return;
      const message = `cannot be had under the ${runtime} runtime, whose agents start together with their workspace`;
      context.addIssue({ code: 'custom', message });
    })
    .meta({ description: 'What each run finds in its workspace. Null: an empty folder.' });
}

export const workspaceView = z
  .object({
    persist: z.boolean().optional(),
    files: z.record(z.string(), z.string()).optional(),
    git: z
      .object({
        url: z.string(),
        ref: z.string().optional(),
        depth: z.int().optional(),
        secret: z.string().optional(),
        username: z.string().optional(),
        push: z.object({ branch: z.string() }).optional(),
        diff: z.boolean().optional(),
      })
      .optional(),
  })
  .nullable()
  .meta({ description: 'What each run finds in its workspace. Null: an empty folder.' });
