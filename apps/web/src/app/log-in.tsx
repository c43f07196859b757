import { useMutation } from '@tanstack/react-query';
import { useEffect, useId, useRef } from 'react';
import { api } from '../api/client';
import { hasSessionEnded, setCaller } from '../api/queries';
import { Button } from '../parts/button';
import { describeProblem } from '../parts/problem-note';

/** `#code=…`, as `npm start` prints it. */
const CODE = /^#code=([\w-]+)$/;

/** Exchanges an API key, or the code of the address, for a session. */
export function LogIn() {
  const keyId = useId();
  const logIn = useMutation({
    mutationFn: (body: { apiKey: string } | { code: string }) => api.request('POST /session', { body }),
    onSuccess: setCaller,
  });
  const { mutate } = logIn;
  const wasSent = useRef(false);
  useEffect(() => {
    const code = CODE.exec(location.hash)?.[1];
    if (code === undefined || wasSent.current) return;
    // Once, and out of the address and the history at once: it is worth a log-in.
    wasSent.current = true;
    history.replaceState(history.state, '', location.pathname + location.search);
    mutate({ code });
  }, [mutate]);
  return (
    <main className="flex min-h-full items-center justify-center p-4">
      <form
        className="w-full max-w-96"
        onSubmit={(event) => {
          event.preventDefault();
          const apiKey = new FormData(event.currentTarget).get('key');
          if (typeof apiKey === 'string' && apiKey.trim() !== '') mutate({ apiKey: apiKey.trim() });
        }}
      >
        <img src="/favicon.svg" alt="" className="size-10" />
        <h1 className="mt-4 text-lg font-semibold">Crewtab</h1>
        <p className="mt-1 text-soft">
          {hasSessionEnded()
            ? 'Your session is over. Log in, and go on where you were.'
            : 'A crontab for crews of AI agents.'}
        </p>
        {/* For password managers, which keep a name with each key. */}
        <input type="text" name="username" autoComplete="username" value="crewtab" readOnly hidden />
        <label htmlFor={keyId} className="mt-8 block font-medium">
          API key
        </label>
        <input
          id={keyId}
          name="key"
          type="password"
          autoComplete="current-password"
          autoFocus
          required
          aria-describedby={`${keyId}-words`}
          className="mt-1.5 h-9 w-full rounded-md border border-line bg-surface px-3 font-mono text-sm"
        />
        {logIn.error && (
          <p role="alert" className="mt-2 text-failed">
            {describeProblem(logIn.error)}
          </p>
        )}
        <Button type="submit" look="primary" disabled={logIn.isPending} className="mt-4 w-full">
          {logIn.isPending ? 'Logging in …' : 'Log in'}
        </Button>
        <p id={`${keyId}-words`} className="mt-4 text-xs text-soft">
          <code className="font-mono">npm start</code> prints it, and keeps it in{' '}
          <code className="font-mono">.crewtab/api-key</code>. It is exchanged for a session and not kept here.
        </p>
      </form>
    </main>
  );
}
