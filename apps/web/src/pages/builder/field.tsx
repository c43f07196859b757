/** One field of a form: its name, what is wrong with it in the API's words, and what else there is to say. */
export function Field({
  id,
  label,
  hint,
  error,
  notice,
  children,
}: {
  readonly id: string;
  readonly label: string;
  readonly hint?: React.ReactNode;
  readonly error?: string | undefined;
  /** What another person did to it meanwhile. */
  readonly notice?: React.ReactNode;
  readonly children: React.ReactNode;
}) {
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} className="font-medium">
        {label} {hint && <span className="font-normal text-soft">{hint}</span>}
      </label>
      {children}
      {notice}
      <FieldError id={id} error={error} />
    </div>
  );
}

export function FieldError({ id, error }: { readonly id: string; readonly error: string | undefined }) {
  return error === undefined ? null : (
    <p id={`${id}-error`} role="alert" className="text-failed">
      {error}
    </p>
  );
}

export const CONTROL =
  'h-9 w-full min-w-0 rounded-md border border-line bg-surface px-3 text-sm aria-[invalid=true]:border-failed';

/** What a control says of its field's fault. */
export function faultOf(id: string, error: string | undefined) {
  return error === undefined ? {} : { 'aria-invalid': true, 'aria-describedby': `${id}-error` };
}
