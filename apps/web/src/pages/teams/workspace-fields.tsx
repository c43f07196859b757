import { useQuery } from '@tanstack/react-query';
import { Plus, Trash2 } from 'lucide-react';
import { configQuery } from '../../api/queries';
import { Button } from '../../parts/button';
import { Field, INPUT, Tick } from '../../parts/field';
import { Panel } from '../../parts/panel';
import { SecretChoice } from './secret-choice';
import { NEW_FILE, repeatedPaths, type FileDraft, type WorkspaceDraft } from './workspace-draft';

const MONO = `${INPUT} font-mono text-xs leading-5`;

interface Props {
  readonly workspace: WorkspaceDraft;
  /** By the path within `workspace`: `.git.url`. */
  readonly faultAt: (path: string) => string | undefined;
  readonly set: (change: Partial<WorkspaceDraft>) => void;
}

/** What each run finds in its workspace before its agents start: a repository, and files over it. */
export function WorkspaceFields({ workspace, faultAt, set }: Props) {
  const can = useQuery(configQuery).data?.runtimeCapabilities;
  const isUsed = workspace.hasGit || workspace.isKept || workspace.files.length > 0;
  // What a team has can be taken away under any runtime.
  if (!can?.preparesWorkspace && !isUsed) return null;
  const fault = faultAt('');
  return (
    <Panel title="Workspace" note="what each run finds in its folder">
      <div className="flex flex-col gap-4 p-4">
        {fault !== undefined && <p className="text-xs text-failed">{fault}</p>}
        {(can?.clonesRepositories === true || workspace.hasGit) && (
          <Repository workspace={workspace} faultAt={faultAt} set={set} />
        )}
        <Files workspace={workspace} faultAt={faultAt} set={set} />
        {(can?.keepsWorkspaces === true || workspace.isKept) && (
          <Tick
            label="Kept for the next run"
            hint="on its host, one run of a schedule after the other; without it each begins with a fresh folder"
            error={faultAt('.persist')}
            value={workspace.isKept}
            onChange={(isKept) => set({ isKept })}
          />
        )}
      </div>
    </Panel>
  );
}

function Repository({ workspace, faultAt, set }: Props) {
  const at = (field: string): string | undefined => faultAt(`.git.${field}`);
  const text = (field: 'url' | 'ref' | 'depth' | 'username' | 'pushBranch') => ({
    value: workspace[field],
    spellCheck: false,
    autoComplete: 'off',
    onChange: ({ target }: { readonly target: { readonly value: string } }) => set({ [field]: target.value }),
  });
  return (
    <fieldset className="flex min-w-0 flex-col gap-3">
      <legend className="sr-only">Repository</legend>
      <Tick
        label="A repository"
        hint="is fetched by Crewtab before the agents start; no agent gets its credential"
        error={faultAt('.git')}
        value={workspace.hasGit}
        onChange={(hasGit) => set({ hasGit })}
      />
      {workspace.hasGit && (
        <div className="grid gap-3 pl-5 rail:grid-cols-3">
          <Field label="URL" error={at('url')} hint="https:// or http://" className="rail:col-span-3">
            {(control) => (
              <input {...control} {...text('url')} className={MONO} placeholder="https://github.com/example/site.git" />
            )}
          </Field>
          <Field label="Branch, tag or commit" error={at('ref')} hint="empty: what the repository names">
            {(control) => <input {...control} {...text('ref')} className={MONO} placeholder="main" />}
          </Field>
          <Field label="Depth" error={at('depth')} hint="so many commits; empty: all">
            {(control) => <input {...control} {...text('depth')} className={MONO} inputMode="numeric" />}
          </Field>
          <Field label="Password or token" error={at('secret')} hint="a secret; none: it is public">
            {(control) => (
              <SecretChoice
                control={control}
                value={workspace.secret}
                none="none"
                suggested="github-token"
                onChange={(secret) => set({ secret })}
              />
            )}
          </Field>
          {workspace.secret !== '' && (
            <Field label="User" error={at('username')} hint="empty: any, as servers that know tokens take it">
              {(control) => <input {...control} {...text('username')} className={MONO} placeholder="x-access-token" />}
            </Field>
          )}
          <Field
            label="Push to branch"
            error={at('push.branch') ?? at('push')}
            hint="what a run commits, once its verification has passed; empty: nothing"
          >
            {(control) => <input {...control} {...text('pushBranch')} className={MONO} placeholder="crewtab/updates" />}
          </Field>
          <div className="rail:col-span-3">
            <Tick
              label="Keep what a run changes"
              hint="as its artifact diff.patch, also what it did not commit"
              error={at('diff')}
              value={workspace.hasDiff}
              onChange={(hasDiff) => set({ hasDiff })}
            />
          </div>
        </div>
      )}
    </fieldset>
  );
}

function Files({ workspace, faultAt, set }: Props) {
  const { files } = workspace;
  const repeated = repeatedPaths(workspace);
  const change = (at: number, fields: Partial<FileDraft>): void =>
    set({ files: files.map((one, index) => (index === at ? { ...one, ...fields } : one)) });
  const faultOf = ({ path, text }: FileDraft): string | undefined =>
    repeated.has(path.trim())
      ? 'stands twice'
      : path.trim() === '' && text === ''
        ? undefined
        : faultAt(`.files.${path.trim()}`);
  return (
    <fieldset className="min-w-0">
      <legend className="mb-1 font-medium">
        Files <span className="font-normal text-soft">texts, written over those of the repository; no secrets</span>
      </legend>
      {faultAt('.files') !== undefined && <p className="text-xs text-failed">{faultAt('.files')}</p>}
      <ul className="flex flex-col gap-3">
        {files.map((file, at) => (
          <li
            key={at}
            className="grid grid-cols-[minmax(0,1fr)_auto] items-end gap-2 rounded-md border border-line p-3"
          >
            <Field label="Path" error={faultOf(file)}>
              {(control) => (
                <input
                  {...control}
                  className={MONO}
                  spellCheck={false}
                  autoComplete="off"
                  placeholder="notes/style.md"
                  value={file.path}
                  onChange={({ target }) => change(at, { path: target.value })}
                />
              )}
            </Field>
            <Button
              look="bare"
              className="self-start mt-6"
              aria-label={`Take out the file ${file.path}`}
              onClick={() => set({ files: files.toSpliced(at, 1) })}
            >
              <Trash2 className="size-4" aria-hidden />
            </Button>
            <textarea
              aria-label={`Text of ${file.path || 'the file'}`}
              rows={Math.min(12, Math.max(3, file.text.split('\n').length))}
              dir="auto"
              className={`${MONO} col-span-2`}
              spellCheck={false}
              value={file.text}
              onChange={({ target }) => change(at, { text: target.value })}
            />
          </li>
        ))}
      </ul>
      <Button look="bare" className="-ml-3 mt-1" onClick={() => set({ files: [...files, NEW_FILE] })}>
        <Plus className="size-4" aria-hidden /> Add a file
      </Button>
    </fieldset>
  );
}
