import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/client';
import { callerQuery, queryClient, secretsQuery } from '../../api/queries';
import { Field, INPUT, type Control } from '../../parts/field';
import { fieldText, FormDialog } from '../../parts/form-dialog';

const NONE = ':none';
const NEW = ':new';
const MONO = `${INPUT} font-mono text-xs leading-5`;

/** A secret by its name, or none; one that is not there yet is made without leaving the form. */
export function SecretChoice({
  value,
  none,
  suggested,
  label,
  control,
  onChange,
}: {
  /** Empty: none. */
  readonly value: string;
  /** The words for none. */
  readonly none: string;
  /** What a new one is called unless the person says otherwise. */
  readonly suggested: string;
  /** Where no field names it. */
  readonly label?: string;
  readonly control?: Control;
  readonly onChange: (secret: string) => void;
}) {
  const names = (useQuery(secretsQuery).data?.items ?? []).map(({ name }) => name);
  const isAdmin = useQuery(callerQuery).data?.role === 'admin';
  const [isMaking, setMaking] = useState(false);
  const known = value === '' || names.includes(value) ? names : [value, ...names];
  return (
    <>
      <select
        {...control}
        {...(label !== undefined && { 'aria-label': label })}
        className={INPUT}
        value={value === '' ? NONE : value}
        onChange={({ target }) =>
          target.value === NEW ? setMaking(true) : onChange(target.value === NONE ? '' : target.value)
        }
      >
        <option value={NONE}>{none}</option>
        {known.length > 0 && (
          <optgroup label="Secrets">
            {known.map((secret) => (
              <option key={secret}>{secret}</option>
            ))}
          </optgroup>
        )}
        {isAdmin && <option value={NEW}>New secret …</option>}
      </select>
      {isAdmin && <SecretDialog isOpen={isMaking} setOpen={setMaking} suggested={suggested} onMade={onChange} />}
    </>
  );
}

/** Sets a secret by a name that is not taken. */
export function SecretDialog({
  trigger,
  suggested = '',
  onMade,
  ...open
}: {
  readonly trigger?: React.ReactElement;
  readonly isOpen?: boolean;
  readonly setOpen?: (isOpen: boolean) => void;
  readonly suggested?: string;
  readonly onMade?: (name: string) => void;
}) {
  const make = async (fields: FormData): Promise<void> => {
    const name = fieldText(fields, 'name');
    await api.request('PUT /secrets/:name', {
      ...{ params: { name }, ifAbsent: true },
      body: { value: fieldText(fields, 'value') },
    });
    await forgetSecrets();
    onMade?.(name);
  };
  return (
    <FormDialog
      {...open}
      {...(trigger && { trigger })}
      title="New secret"
      words="It goes in and never comes out. Agents that name it are given the value; what they say of it is masked."
      confirm="Set the secret"
      act={make}
    >
      {(faultAt) => (
        <div className="flex flex-col gap-4">
          <Field label="Name" hint="Letters, digits, - _ and . as in github-token" error={faultAt('name')}>
            {(control) => (
              <input
                {...control}
                name="name"
                required
                defaultValue={suggested}
                autoComplete="off"
                spellCheck={false}
                className={MONO}
              />
            )}
          </Field>
          <SecretValueField error={faultAt('value')} />
        </div>
      )}
    </FormDialog>
  );
}

/** Of several lines, since keys have them; what is pasted is shown, so that it can be checked before it is gone. */
export function SecretValueField({ error }: { readonly error: string | undefined }) {
  return (
    <Field label="Value" hint="At least 8 characters. It is not shown again." error={error}>
      {(control) => (
        <textarea {...control} name="value" required rows={3} autoComplete="off" spellCheck={false} className={MONO} />
      )}
    </Field>
  );
}

export function forgetSecrets(): Promise<void> {
  return queryClient.invalidateQueries({ queryKey: secretsQuery.queryKey });
}

/** `GITHUB_TOKEN` is kept as `github-token`. */
export function secretNameFor(variable: string): string {
  return variable
    .trim()
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 63);
}
