import { AlertDialog } from '@base-ui/react/alert-dialog';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from './button';
import { describeProblem } from './problem-note';

/** A button whose act cannot be taken back, so that it says first what will happen. */
export function ConfirmButton({
  act,
  title,
  words,
  confirm,
  icon,
  children,
  look = 'danger',
}: {
  readonly act: () => Promise<unknown>;
  readonly title: string;
  readonly words: React.ReactNode;
  /** Says again what happens: `Cancel the run`. */
  readonly confirm: string;
  readonly icon?: React.ReactNode;
  readonly children: React.ReactNode;
  readonly look?: 'danger' | 'plain';
}) {
  const [isOpen, setOpen] = useState(false);
  const { mutate, isPending, error, reset } = useMutation({ mutationFn: act, onSuccess: () => setOpen(false) });
  return (
    <AlertDialog.Root
      open={isOpen}
      onOpenChange={(open) => {
        setOpen(open);
        reset();
      }}
    >
      <AlertDialog.Trigger render={<Button look={look} />}>
        {icon}
        {children}
      </AlertDialog.Trigger>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="fixed inset-0 bg-[#000]/40" />
        <AlertDialog.Popup className="fixed top-1/3 left-1/2 w-[min(440px,calc(100vw-32px))] -translate-1/2 rounded-md border border-line bg-surface p-5 shadow-overlay">
          <AlertDialog.Title className="text-base font-semibold">{title}</AlertDialog.Title>
          <AlertDialog.Description className="mt-2 text-soft">{words}</AlertDialog.Description>
          {error && (
            <p role="alert" className="mt-3 text-failed">
              {describeProblem(error)}
            </p>
          )}
          <div className="mt-5 flex justify-end gap-2">
            <AlertDialog.Close render={<Button />}>Leave it</AlertDialog.Close>
            <Button look="primary" disabled={isPending} onClick={() => mutate()}>
              {confirm}
            </Button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
