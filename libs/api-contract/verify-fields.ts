import { z } from 'zod';
import { PUSH_STATES } from '@crewtab/domain/runs/repository';
import { workspacePath } from '@crewtab/domain/runs/workspace-path';
import { line, text } from './fields';
import { LIMITS } from './limits';

/** A path inside of a workspace, as `check` has it. */
function pathField(check: (path: string) => unknown, problem: string): z.ZodType<string, string> {
  return line(1, LIMITS.workspacePathLength).superRefine((path, context) => {
    try {
      if (check(path) !== '') return;
    } catch {
      // Said below.
    }
    context.addIssue({ code: 'custom', message: problem });
  });
}

const fileField = pathField(workspacePath, 'must be a path inside of the workspace: relative, and without ".."');

const schemaField = z
  .record(z.string(), z.unknown())
  .refine((schema) => JSON.stringify(schema).length <= LIMITS.verifySchemaLength, {
    message: `must be at most ${LIMITS.verifySchemaLength.toLocaleString('en-US')} characters as JSON`,
  })
  .meta({
    description:
      'A JSON schema (2020-12) that the result keeps to: the text of the leader as JSON, or the last ```json block of it. Nothing is loaded from elsewhere, and `format` is not known.',
  });

const globField = pathField(
  (glob) => workspacePath(glob.replaceAll('*', 'x')),
  'must be a path inside of the workspace, with `*`, `?` and `**`: relative, and without ".."',
);

/** What is kept of a run. */
export const artifactsField = z
  .array(globField)
  .min(1)
  .max(LIMITS.artifactGlobs)
  .nullable()
  .meta({
    description:
      'Globs of the files of the workspace that are kept when a run ends, however it ends: `*` is a part of a name, `**` any folders; one that names a folder stands for all in it. Null: nothing is kept.',
    examples: [['reports/**/*.md']],
  });

/** What a schedule asks of the work of its runs. */
export const verifyField = z
  .strictObject({
    command: z
      .array(text(1, LIMITS.commandArgumentLength))
      .min(1)
      .max(LIMITS.commandArguments)
      .optional()
      .meta({
        description:
          "Run in a fresh container of the leader's image with the workspace, without variables and network; exit code 0 is a pass.",
        examples: [['npm', 'test']],
      }),
    files: z.array(fileField).min(1).max(LIMITS.verifyFiles).optional().meta({
      description: 'Files of the workspace that exist and were changed after the run began.',
    }),
    schema: schemaField.optional(),
  })
  .refine(({ command, files, schema }) => command || files || schema, {
    message: 'must ask for something: command, files or schema',
  })
  .nullable()
  .meta({
    description:
      "What must hold of a run's work before it is a success (otherwise verification_failed). Null: the leader's word is enough.",
  });

const checkView = z.object({
  kind: z.enum(['command', 'file', 'schema']),
  name: z.string().meta({ description: 'The command or the file.' }),
  status: z.enum(['passed', 'failed']),
  message: z.string().nullable().meta({ description: 'Why it failed.' }),
  output: z.string().optional().meta({ description: '`command`: the end of what it wrote.' }),
  exitCode: z.int().nullable().optional().meta({ description: '`command`: null where a limit ended it.' }),
  ms: z.int().meta({ description: 'How long it took.' }),
});

/** What a run's verification came to. */
export const verificationView = z
  .object({ status: z.enum(['passed', 'failed']), checks: z.array(checkView) })
  .nullable()
  .meta({ description: 'Null: none was asked for, or the run ended before it was over.' });

/** What became of the push of a run's work. */
export const pushView = z
  .object({
    branch: z.string(),
    commit: z.string(),
    state: z.enum(PUSH_STATES).meta({
      description:
        '`nothing`: the workspace was left at the commit that was fetched. `unconfirmed`: a worker died or the run ended in the middle, and the remote could not be asked; it is never pushed twice.',
    }),
    message: z.string().nullable().meta({ description: "Git's own words, where it was not pushed." }),
  })
  .nullable()
  .meta({ description: 'Null: none is asked for, or it has not begun.' });
