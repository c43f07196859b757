import type { BodyOf } from '@crewtab/api-client/route-types';
import type { Schedule } from '../../api/client';
import { readVariables, writeVariables } from './variables';

export type TextField =
  | 'teamId'
  | 'name'
  | 'prompt'
  | 'promptFormat'
  | 'variables'
  | 'cron'
  | 'timezone'
  | 'timeout'
  | 'overlap'
  | 'catchUp'
  | 'catchUpWindow';
export type TickField = 'allowEmpty' | 'allowOpenToolCalls';
type WorkField = 'verify' | 'artifacts';

/** What a person sets of a schedule; `enabled` belongs to pausing. */
export type Draft = Pick<Schedule, Exclude<TextField, 'variables'> | TickField | WorkField> & {
  /** As they are typed: see `writeVariables`. */
  readonly variables: string;
};
export type DraftField = keyof Draft;

export const DRAFT_FIELDS: readonly DraftField[] = [
  ...(['name', 'teamId', 'cron', 'timezone', 'prompt', 'promptFormat', 'variables'] as const),
  ...(['timeout', 'overlap', 'catchUp', 'catchUpWindow', 'allowEmpty', 'allowOpenToolCalls'] as const),
  ...(['verify', 'artifacts'] as const),
];

export const FIELD_WORDS: Readonly<Record<DraftField, string>> = {
  name: 'Name',
  teamId: 'Team',
  cron: 'Cron',
  timezone: 'Time zone',
  prompt: 'Prompt',
  promptFormat: 'Kind of prompt',
  variables: 'Variables',
  timeout: 'Timeout',
  overlap: 'Overlap',
  catchUp: 'Catch-up',
  catchUpWindow: 'Catch-up window',
  allowEmpty: 'May say nothing',
  allowOpenToolCalls: 'May leave tool calls open',
  verify: 'Verification',
  artifacts: 'Kept files',
};

type Fields = Pick<Schedule, DraftField>;

export function draftOf(schedule: Fields): Draft {
  const { teamId, name, prompt, promptFormat, cron, timezone, timeout, overlap, catchUp, catchUpWindow } = schedule;
  const { allowEmpty, allowOpenToolCalls, verify, artifacts } = schedule;
  return {
    ...{ teamId, name, prompt, promptFormat, cron, timezone, timeout, overlap, catchUp, catchUpWindow },
    ...{ allowEmpty, allowOpenToolCalls, verify, artifacts, variables: writeVariables(schedule.variables) },
  };
}

/** As the API takes it. */
export function bodyOf<D extends Partial<Draft>>(draft: D): Omit<D, 'variables'> & Pick<ScheduleEdit, 'variables'> {
  const { variables, ...rest } = draft;
  return { ...rest, ...(variables !== undefined && { variables: readVariables(variables) }) };
}

type ScheduleEdit = BodyOf<'PATCH /schedules/:id'>;

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Only what the person touched, so that an edit leaves the rest to others. */
export function touchedOf(base: Draft, mine: Draft): Partial<Draft> {
  return Object.fromEntries(
    DRAFT_FIELDS.filter((field) => !isSame(mine[field], base[field])).map((field) => [field, mine[field]]),
  );
}

/**
 * Takes over what another person has changed since `base`. Where both changed a field to different values, mine stays until
 * the person chooses.
 */
export function mergeDraft(
  base: Draft,
  mine: Draft,
  fieldsOfTheirs: Readonly<Record<string, unknown>>,
): { readonly base: Draft; readonly mine: Draft; readonly taken: DraftField[]; readonly conflicts: DraftField[] } {
  const theirs = asTyped(fieldsOfTheirs);
  const changed = DRAFT_FIELDS.filter((field) => field in theirs && !isSame(theirs[field], base[field]));
  const isTouched = (field: DraftField): boolean => !isSame(mine[field], base[field]);
  const taken = changed.filter((field) => !isTouched(field));
  const conflicts = changed.filter((field) => isTouched(field) && !isSame(mine[field], theirs[field]));
  const pick = (fields: readonly DraftField[]) => Object.fromEntries(fields.map((field) => [field, theirs[field]]));
  return { base: { ...base, ...pick(changed) }, mine: { ...mine, ...pick(taken) }, taken, conflicts };
}

/** What the API answers, as the form has it. */
export function asTyped(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { variables } = fields;
  return variables === undefined
    ? fields
    : { ...fields, variables: writeVariables(variables as Schedule['variables']) };
}
