export const BUTTON_LOOKS = {
  plain: 'border border-line bg-surface hover:bg-hover text-ink',
  primary: 'bg-ink text-on-ink hover:opacity-90',
  danger: 'border border-line bg-surface text-failed hover:bg-failed-soft',
  bare: 'text-soft hover:bg-hover hover:text-ink',
} as const;

export const BUTTON =
  'inline-flex h-8 items-center justify-center gap-1.5 rounded-md px-3 text-sm font-medium whitespace-nowrap disabled:opacity-50';

export function Button({
  look = 'plain',
  className = '',
  ...rest
}: React.ComponentProps<'button'> & { readonly look?: keyof typeof BUTTON_LOOKS }) {
  return <button type="button" {...rest} className={`${BUTTON} ${BUTTON_LOOKS[look]} ${className}`} />;
}
