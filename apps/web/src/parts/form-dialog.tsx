import { ApiProblem } from '@crewtab/api-client/api-problem';
import { Dialog } from '@base-ui/react/dialog';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from './button';
import { describeProblem } from './problem-note';

/** A dialog that asks for some words before it acts. It has a button that opens it, or is opened by its caller. */
export function FormDialog({
  trigger,
  isOpen: isOpenOutside,
  setOpen: setOpenOutside,
  title,
  words,
  children,
  confirm,
  act,
  isWide = false,
}: {
  readonly trigger?: React.ReactElement;
  readonly isOpen?: boolean;
  readonly setOpen?: (isOpen: boolean) => void;
  readonly title: string;
  readonly words?: React.ReactNode;
  /** The fields of the form; each may stand with what the API says is wrong with it. */
  readonly children: React.ReactNode | ((faultAt: (path: string) => string | undefined) => React.ReactNode);
  readonly confirm: string;
  readonly act: (fields: FormData) => Promise<unknown>;
  readonly isWide?: boolean;
}) {
  const [isOpenHere, setOpenHere] = useState(false);
  const isOpen = isOpenOutside ?? isOpenHere;
  const setOpen = setOpenOutside ?? setOpenHere;
  const { mutate, isPending, error, reset } = useMutation({ mutationFn: act, onSuccess: () => setOpen(false) });
  const faults = error instanceof ApiProblem ? error.errors : [];
  const faultAt = (path: string): string | undefined => faults.find((fault) => fault.path === path)?.message;
  const isToldAtField = typeof children === 'function' && faults.length > 0;
  return (
    <Dialog.Root
      open={isOpen}
      onOpenChange={(open) => {
        setOpen(open);
        reset();
      }}
    >
      {trigger && <Dialog.Trigger render={trigger} />}
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-10 bg-[#000]/40" />
        <Dialog.Popup
          className={`fixed top-[12vh] left-1/2 z-10 max-h-[80vh] -translate-x-1/2 overflow-y-auto rounded-md border border-line bg-surface p-5 shadow-overlay ${isWide ? 'w-[min(720px,calc(100vw-32px))]' : 'w-[min(440px,calc(100vw-32px))]'}`}
        >
          <Dialog.Title className="text-base font-semibold">{title}</Dialog.Title>
          {words && <Dialog.Description className="mt-2 text-soft">{words}</Dialog.Description>}
          <form
            className="mt-4"
            onSubmit={(event) => {
              event.preventDefault();
              // React hands events on to whatever the dialog was opened from: a form there is not sent.
              event.stopPropagation();
              mutate(new FormData(event.currentTarget));
            }}
          >
            {typeof children === 'function' ? children(faultAt) : children}
            {error && !isToldAtField && (
              <p role="alert" className="mt-3 text-failed">
                {describeProblem(error)}
              </p>
            )}
            <div className="mt-5 flex justify-end gap-2">
              <Dialog.Close render={<Button />}>Leave it</Dialog.Close>
              <Button type="submit" look="primary" disabled={isPending}>
                {confirm}
              </Button>
            </div>
          </form>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

/** What a person wrote into a field of the form. */
export function fieldText(fields: FormData, name: string): string {
  const value = fields.get(name);
  return typeof value === 'string' ? value : '';
}
