import { ApiProblem } from '@crewtab/api-client/api-problem';
import { useMutation } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useId, useState } from 'react';
import { api, type Schedule, type Team } from '../../api/client';
import { queryClient } from '../../api/queries';
import { Page } from '../../app/shell';
import { Button } from '../../parts/button';
import { Field, INPUT, Tick } from '../../parts/field';
import { describeProblem, ProblemNote } from '../../parts/problem-note';
import { Empty } from '../../parts/panel';
import { ScheduleCrumb } from '../../parts/schedule-crumb';
import { CronField } from './cron-field';
import {
  asTyped,
  bodyOf,
  FIELD_WORDS,
  mergeDraft,
  touchedOf,
  type Draft,
  type DraftField,
  type TextField,
  type TickField,
} from './draft';
import { FinishedWorkFields } from './finished-work-fields';
import { Meaning } from './meaning';
import { CatchUpField, OverlapField } from './policy-fields';
import { readDuration } from './policy-plans';
import { PromptPreview, usePreview } from './prompt-preview';
import { useForecast } from './use-forecast';

const PROMPT_LENGTH = 50_000;
const ZONES = Intl.supportedValuesOf('timeZone');
const HOUR_MS = 3_600_000;
const FORMAT_HINTS = {
  template: 'knows scheduledFor, window.start, window.end, lastRun, run.id, schedule.name, variables',
  plain: 'is sent as it stands',
} as const;

interface Merge {
  readonly taken: readonly DraftField[];
  /** What others set where this person set something else. */
  readonly conflicts: Readonly<Partial<Record<DraftField, unknown>>>;
}
const NO_MERGE: Merge = { taken: [], conflicts: {} };

/** Left what is set, right what it means. */
export function BuilderForm({
  title,
  start,
  stored,
  teams,
}: {
  readonly title: string;
  readonly start: Draft;
  /** Null: it is new. */
  readonly stored: { readonly id: string; readonly revision: number } | null;
  readonly teams: readonly Team[];
}) {
  const navigate = useNavigate();
  const ids = useId();
  const [base, setBase] = useState(start);
  const [draft, setDraft] = useState(start);
  const [revision, setRevision] = useState(stored?.revision ?? 0);
  const [faults, setFaults] = useState<Readonly<Record<string, string>>>({});
  const [merge, setMerge] = useState(NO_MERGE);
  const { forecast, faults: forecastFaults, isCurrent } = useForecast(draft, stored?.id);
  const told = usePreview(draft, stored?.id);
  const touched = touchedOf(base, draft);

  const set = (change: Partial<Draft>): void => {
    setDraft({ ...draft, ...change });
    const names = Object.keys(change);
    setFaults(
      without(
        faults,
        Object.keys(faults).filter((path) => names.includes(path.split('.')[0] ?? '')),
      ),
    );
  };
  const save = useMutation({
    mutationFn: (): Promise<Schedule> =>
      stored === null
        ? api.request('POST /schedules', { body: bodyOf(draft), idempotencyKey: crypto.randomUUID() })
        : api.request('PATCH /schedules/:id', {
            params: { id: stored.id },
            body: bodyOf(touched),
            ifRevision: revision,
          }),
    onSuccess: async (saved) => {
      for (const key of ['schedules', 'schedule', 'revisions', 'timeline'])
        void queryClient.invalidateQueries({ queryKey: [key] });
      await navigate({ to: '/schedules/$scheduleId', params: { scheduleId: saved.id } });
    },
    onError: (error) => {
      if (!(error instanceof ApiProblem)) return;
      setFaults(Object.fromEntries(error.errors.map(({ path, message }) => [path, message])));
      if (error.edited) takeOver(error.edited);
    },
  });
  const takeOver = ({ revision: theirs, fields }: NonNullable<ApiProblem['edited']>): void => {
    const merged = mergeDraft(base, draft, fields);
    setBase(merged.base);
    setDraft(merged.mine);
    setRevision(theirs);
    setMerge({
      taken: merged.taken,
      conflicts: Object.fromEntries(merged.conflicts.map((field) => [field, asTyped(fields)[field]])),
    });
  };
  const settle = (field: DraftField, theirs: unknown): void => {
    setMerge({ ...merge, conflicts: without(merge.conflicts, [field]) });
    if (theirs !== undefined) set({ [field]: theirs });
  };

  const errorOf = (field: DraftField): string | undefined =>
    faults[field] ?? forecastFaults[field] ?? told.faults[field as 'prompt'];
  const noticeOf = (field: DraftField): React.ReactNode =>
    field in merge.conflicts ? (
      <Conflict
        theirs={merge.conflicts[field]}
        onKeep={() => settle(field, undefined)}
        onTake={(value) => settle(field, value)}
      />
    ) : merge.taken.includes(field) ? (
      <p className="text-xs text-accent">Another person has changed this meanwhile; theirs is shown.</p>
    ) : null;
  const field = (name: DraftField) => ({ error: errorOf(name), notice: noticeOf(name) });
  const text = (name: TextField) => ({
    value: draft[name],
    onChange: ({ target }: { readonly target: { readonly value: string } }) => set({ [name]: target.value }),
  });
  const tick = (name: TickField) => ({
    ...field(name),
    value: draft[name],
    onChange: (value: boolean) => set({ [name]: value }),
  });
  const hasConflict = Object.keys(merge.conflicts).length > 0;
  const isUntouched = stored !== null && Object.keys(touched).length === 0;
  const canSave = !save.isPending && !hasConflict && !isUntouched && isCurrent && forecast !== undefined;
  const instants = (forecast?.occurrences ?? []).map((at) => Date.parse(at));
  const size = [...draft.prompt].length;
  if (teams.length === 0)
    return (
      <Page title={title} crumbs={<ScheduleCrumb />}>
        <Empty>
          A schedule needs a team, and there is none yet.{' '}
          <Link to="/teams/new" className="underline">
            Make one first
          </Link>
          .
        </Empty>
      </Page>
    );
  return (
    <Page title={title} crumbs={<ScheduleCrumb />}>
      <form
        className="grid gap-6 p-4 rail:p-6 wide:grid-cols-[minmax(0,7fr)_minmax(0,5fr)]"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (canSave) save.mutate();
        }}
      >
        <div className="flex min-w-0 flex-col gap-5">
          <div className="grid gap-5 rail:grid-cols-2">
            <Field {...field('name')} label="Name">
              {(control) => (
                <input {...control} {...text('name')} maxLength={100} autoComplete="off" className={INPUT} />
              )}
            </Field>
            <Field {...field('teamId')} label="Team">
              {(control) => (
                <select {...control} {...text('teamId')} className={INPUT}>
                  {teams.map((team) => (
                    <option key={team.id} value={team.id}>
                      {team.name}
                    </option>
                  ))}
                </select>
              )}
            </Field>
          </div>
          <CronField
            cron={draft.cron}
            onChange={(cron) => set({ cron })}
            words={forecast?.description}
            error={errorOf('cron')}
            notice={noticeOf('cron')}
          />
          <Field {...field('timezone')} label="Time zone" hint="IANA name">
            {(control) => (
              <>
                <input
                  {...control}
                  {...text('timezone')}
                  list={`${ids}-zones`}
                  autoComplete="off"
                  spellCheck={false}
                  className={`${INPUT} max-w-80`}
                />
                <datalist id={`${ids}-zones`}>
                  {ZONES.map((zone) => (
                    <option key={zone} value={zone} />
                  ))}
                </datalist>
              </>
            )}
          </Field>
          <Field
            {...field('prompt')}
            label="Prompt"
            hint={`${size.toLocaleString()} of ${PROMPT_LENGTH.toLocaleString()} characters`}
          >
            {(control) => (
              <textarea
                {...control}
                {...text('prompt')}
                rows={10}
                dir="auto"
                className={`${INPUT} min-h-40 py-2 font-mono text-xs leading-5`}
              />
            )}
          </Field>
          <div className="grid gap-5 rail:grid-cols-2">
            <Field {...field('promptFormat')} label="Kind of prompt" hint={FORMAT_HINTS[draft.promptFormat]}>
              {(control) => (
                <select {...control} {...text('promptFormat')} className={`${INPUT} max-w-60`}>
                  <option value="template">Template</option>
                  <option value="plain">Plain text</option>
                </select>
              )}
            </Field>
            {draft.promptFormat === 'template' && (
              <Field {...field('variables')} label="Variables" hint="one a line, like repository = web">
                {(control) => (
                  <textarea
                    {...control}
                    {...text('variables')}
                    rows={3}
                    spellCheck={false}
                    className={`${INPUT} py-2 font-mono text-xs leading-5`}
                  />
                )}
              </Field>
            )}
          </div>
          <div className="grid gap-5 rail:grid-cols-2">
            <Field {...field('timeout')} label="Timeout" hint="like 30m or 1h30m">
              {(control) => (
                <>
                  <input
                    {...control}
                    {...text('timeout')}
                    autoComplete="off"
                    spellCheck={false}
                    className={`${INPUT} max-w-40`}
                  />
                  {(forecast?.timeout?.near ?? 0) > 0 && (
                    <p className="text-timeout">
                      {forecast?.timeout?.near} of {forecast?.timeout?.n} runs came near it.
                    </p>
                  )}
                </>
              )}
            </Field>
            <Field {...field('catchUpWindow')} label="Catch-up window" hint="older than this stays missed">
              {(control) => (
                <input
                  {...control}
                  {...text('catchUpWindow')}
                  autoComplete="off"
                  spellCheck={false}
                  className={`${INPUT} max-w-40`}
                />
              )}
            </Field>
          </div>
          <div>
            <OverlapField
              value={draft.overlap}
              onChange={(overlap) => set({ overlap })}
              instants={instants}
              usualMs={forecast?.expected ? forecast.expected.p50Seconds * 1_000 : null}
            />
            {noticeOf('overlap')}
          </div>
          <div>
            <CatchUpField
              value={draft.catchUp}
              onChange={(catchUp) => set({ catchUp })}
              instants={instants}
              windowMs={readDuration(draft.catchUpWindow) ?? HOUR_MS}
            />
            {noticeOf('catchUp')}
          </div>
          <fieldset className="flex flex-col gap-2">
            <legend className="mb-1.5 font-medium">Success</legend>
            <Tick
              {...tick('allowEmpty')}
              label="May say nothing"
              hint="for work that answers by what it does; otherwise a run without an answer fails as empty_result"
            />
            <Tick
              {...tick('allowOpenToolCalls')}
              label="May leave tool calls open"
              hint="otherwise a run whose leader began a call and never told its end fails as tool_call_open"
            />
          </fieldset>
          <FinishedWorkFields
            draft={draft}
            faults={faults}
            notices={{ verify: noticeOf('verify'), artifacts: noticeOf('artifacts') }}
            onChange={set}
          />
          <div className="sticky bottom-0 -mx-4 flex flex-wrap items-center gap-3 border-t border-line bg-ground px-4 py-3 rail:-mx-6 rail:px-6 wide:mr-0">
            <Button type="submit" look="primary" disabled={!canSave}>
              {save.isPending ? 'Saving …' : stored === null ? 'Create schedule' : 'Save'}
            </Button>
            <span className="text-soft">
              {hasConflict
                ? 'Choose where both of you changed a field.'
                : stored === null
                  ? ''
                  : isUntouched
                    ? 'Nothing is changed.'
                    : `Changes ${Object.keys(touched)
                        .map((name) => FIELD_WORDS[name as DraftField].toLowerCase())
                        .join(', ')}.`}
            </span>
            {save.error && (
              <span role="alert" className="text-failed">
                {save.error instanceof ApiProblem && save.error.edited
                  ? 'Another person has edited it meanwhile. Look at what is marked, and save again.'
                  : describeProblem(save.error)}
              </span>
            )}
          </div>
        </div>
        <div className="flex min-w-0 flex-col gap-4 wide:sticky wide:top-6 wide:self-start">
          {forecast ? (
            <div className={`flex flex-col gap-4 ${isCurrent ? '' : 'opacity-60'}`}>
              <Meaning forecast={forecast} timeout={draft.timeout} isStored={stored !== null} />
            </div>
          ) : (
            <Unforecast faults={forecastFaults} />
          )}
          {told.preview && draft.promptFormat === 'template' && (
            <div className={told.isCurrent ? '' : 'opacity-60'}>
              <PromptPreview preview={told.preview} />
            </div>
          )}
        </div>
      </form>
    </Page>
  );
}

function Unforecast({ faults }: { readonly faults: Readonly<Record<string, string>> }) {
  const named = Object.keys(faults).flatMap((name) => (name in FIELD_WORDS ? [FIELD_WORDS[name as DraftField]] : []));
  if (faults['']) return <ProblemNote error={new Error(faults[''])} />;
  return (
    <p className="text-soft">
      {named.length === 0
        ? 'What it means stands here in a moment.'
        : `What it means stands here once ${named.join(' and ')} can be read.`}
    </p>
  );
}

/** Both changed a field: the person chooses. */
function Conflict({
  theirs,
  onKeep,
  onTake,
}: {
  readonly theirs: unknown;
  readonly onKeep: () => void;
  readonly onTake: (theirs: unknown) => void;
}) {
  return (
    <div role="alert" className="flex flex-wrap items-center gap-2 rounded-md bg-accent-soft px-3 py-2">
      <span className="min-w-0 [overflow-wrap:anywhere]">
        Another person has set this to{' '}
        <bdi className="font-mono text-xs">
          {(typeof theirs === 'string' ? theirs : JSON.stringify(theirs)).slice(0, 300)}
        </bdi>
      </span>
      <Button onClick={() => onTake(theirs)}>Take theirs</Button>
      <Button onClick={onKeep}>Keep mine</Button>
    </div>
  );
}

function without<T>(fields: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}
