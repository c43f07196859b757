import { Plus, Undo2, X } from 'lucide-react';
import { Button } from '../../parts/button';
import { INPUT } from '../../parts/field';
import { SecretChoice, secretNameFor } from './secret-choice';
import type { VariableDraft } from './variable-draft';

/**
 * The variables of an agent: values go in and never come out, so a stored one is kept, replaced or deleted. One may name a secret
 * of the organization in place of a value.
 */
export function VariableFields({
  env,
  kind = 'variable',
  set,
  faultAt,
}: {
  readonly env: readonly VariableDraft[];
  readonly kind?: 'variable' | 'header';
  readonly set: (env: readonly VariableDraft[]) => void;
  readonly faultAt: (name: string) => string | undefined;
}) {
  const change = (at: number, fields: Partial<VariableDraft>): void =>
    set(env.map((one, index) => (index === at ? { ...one, ...fields } : one)));
  return (
    <fieldset className="min-w-0 rail:col-span-3">
      <legend className="mb-1 font-medium">{kind === 'variable' ? 'Variables' : 'Headers'}</legend>
      <ul className="flex flex-col gap-2">
        {env.map((variable, at) => (
          <li key={at} className="grid grid-cols-[minmax(0,2fr)_minmax(0,3fr)_auto] items-center gap-2">
            <input
              aria-label={`Name of a ${kind}`}
              className={`${INPUT} font-mono text-xs leading-5`}
              spellCheck={false}
              value={variable.name}
              readOnly={variable.wasStored}
              onChange={({ target }) => change(at, { name: target.value })}
            />
            <Value variable={variable} set={(fields) => change(at, fields)} />
            <Act
              variable={variable}
              set={(fields) => change(at, fields)}
              onRemove={() => set(env.filter((_, index) => index !== at))}
            />
            {faultAt(variable.name) !== undefined && (
              <p className="col-span-3 text-xs text-failed">{faultAt(variable.name)}</p>
            )}
          </li>
        ))}
      </ul>
      <Button
        look="bare"
        className="-ml-3 mt-1"
        onClick={() => set([...env, { name: '', state: 'set', value: '', wasStored: false }])}
      >
        <Plus className="size-4" aria-hidden /> Add a {kind}
      </Button>
    </fieldset>
  );
}

interface PartProps {
  readonly variable: VariableDraft;
  readonly set: (fields: Partial<VariableDraft>) => void;
}

function Value({ variable: { name, state, value }, set }: PartProps) {
  const what = name || 'the variable';
  if (state === 'set' || state === 'secret')
    return (
      <span className="flex min-w-0 gap-2 max-rail:flex-col">
        <SecretChoice
          label={`Where ${what} comes from`}
          value={state === 'secret' ? value : ''}
          none="A value of its own"
          suggested={secretNameFor(name)}
          onChange={(secret) => set(secret === '' ? { state: 'set', value: '' } : { state: 'secret', value: secret })}
        />
        {state === 'set' && (
          <input
            aria-label={`Value of ${what}`}
            type="password"
            autoComplete="off"
            className={INPUT}
            value={value}
            onChange={({ target }) => set({ value: target.value })}
          />
        )}
      </span>
    );
  return <span className="truncate text-soft">{state === 'kept' ? 'is set, and stays' : 'is deleted on saving'}</span>;
}

function Act({ variable: { name, state, wasStored }, set, onRemove }: PartProps & { readonly onRemove: () => void }) {
  if (!wasStored)
    return (
      <Button look="bare" aria-label={`Take out ${name || 'the variable'}`} onClick={onRemove}>
        <X className="size-4" aria-hidden />
      </Button>
    );
  if (state !== 'kept')
    return (
      <Button look="bare" onClick={() => set({ state: 'kept', value: '' })}>
        <Undo2 className="size-4" aria-hidden /> Keep
      </Button>
    );
  return (
    <span className="flex">
      <Button look="bare" aria-label={`Replace ${name}`} onClick={() => set({ state: 'set' })}>
        Replace
      </Button>
      <Button look="bare" aria-label={`Delete ${name}`} onClick={() => set({ state: 'deleted' })}>
        <X className="size-4" aria-hidden />
      </Button>
    </span>
  );
}
