import { useId } from 'react';

export const INPUT =
  'w-full min-w-0 rounded-md border border-line bg-surface px-2.5 py-1.5 text-sm aria-invalid:border-failed disabled:opacity-60';

/** What a control inside of a `Field` is told. */
export interface Control {
  readonly id: string;
  readonly 'aria-describedby'?: string | undefined;
  readonly 'aria-invalid'?: true;
}

/** A control with its name above, and below it what is wrong with it in the API's words, or what it is for. */
export function Field({
  label,
  hint,
  error,
  notice,
  className = '',
  children,
}: {
  readonly label: string;
  readonly hint?: React.ReactNode;
  /** The API's words for what is wrong: `must not be empty`. */
  readonly error?: string | undefined;
  /** What another person did to it meanwhile. */
  readonly notice?: React.ReactNode;
  readonly className?: string;
  readonly children: (control: Control) => React.ReactNode;
}) {
  const id = useId();
  const note = error ?? hint;
  const control: Control = {
    ...{ id, 'aria-describedby': note === undefined ? undefined : `${id}-note` },
    ...(error !== undefined && { 'aria-invalid': true as const }),
  };
  return (
    <div className={`min-w-0 ${className}`}>
      <label htmlFor={id} className="mb-1 block font-medium">
        {label}
      </label>
      {children(control)}
      {notice}
      {note !== undefined && (
        <p
          id={`${id}-note`}
          aria-live="polite"
          className={`mt-1 text-xs [overflow-wrap:anywhere] ${error === undefined ? 'text-soft' : 'text-failed'}`}
        >
          {note}
        </p>
      )}
    </div>
  );
}

/** A choice of yes or no, with what it means beside it. */
export function Tick({
  label,
  hint,
  error,
  notice,
  value,
  onChange,
}: {
  readonly label: string;
  readonly hint: React.ReactNode;
  readonly error?: string | undefined;
  readonly notice?: React.ReactNode;
  readonly value: boolean;
  readonly onChange: (value: boolean) => void;
}) {
  return (
    <div>
      <label className="flex items-baseline gap-2">
        <input
          type="checkbox"
          checked={value}
          onChange={({ target }) => onChange(target.checked)}
          className="translate-y-0.5 accent-accent"
        />
        <span>
          {label} <span className="text-soft">{hint}</span>
        </span>
      </label>
      {notice}
      {error !== undefined && <p className="text-xs text-failed">{error}</p>}
    </div>
  );
}
