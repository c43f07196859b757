import { useId } from 'react';

export const INPUT =
  'w-full min-w-0 rounded-md border border-line bg-surface px-2.5 py-1.5 text-sm aria-invalid:border-failed disabled:opacity-60';

/** What a control inside of a `Field` is told. */
export interface Control {
  readonly id: string;
  readonly 'aria-describedby'?: string | undefined;
  readonly 'aria-invalid'?: true;
}

/** A control with its name above, and below it what is wrong with it, or what it is for. */
export function Field({
  label,
  hint,
  error,
  className = '',
  children,
}: {
  readonly label: string;
  readonly hint?: React.ReactNode;
  /** The API's words for what is wrong: `must not be empty`. */
  readonly error?: string | undefined;
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
      {note !== undefined && (
        <p id={`${id}-note`} className={`mt-1 text-xs ${error === undefined ? 'text-soft' : 'text-failed'}`}>
          {note}
        </p>
      )}
    </div>
  );
}
