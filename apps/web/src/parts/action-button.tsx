import { useMutation } from '@tanstack/react-query';
import { Button } from './button';
import { describeProblem } from './problem-note';

/** A button that asks the server for something, and says beside it why that failed. */
export function ActionButton({
  act,
  icon,
  children,
  ...rest
}: Omit<React.ComponentProps<typeof Button>, 'onClick'> & {
  readonly act: () => Promise<unknown>;
  readonly icon?: React.ReactNode;
}) {
  const { mutate, isPending, error } = useMutation({ mutationFn: act });
  return (
    <span className="inline-flex flex-wrap items-center gap-2">
      <Button {...rest} disabled={isPending || rest.disabled} onClick={() => mutate()}>
        {icon}
        {children}
      </Button>
      {error && (
        <span role="alert" className="text-xs text-failed">
          {describeProblem(error)}
        </span>
      )}
    </span>
  );
}
