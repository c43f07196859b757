/**
 * Runs calls side by side. The first failure aborts the others, and is thrown only when none of them is under way any
 * more: whoever cleans up after it finds everything that they made.
 */
export async function allOrAbort(
  signal: AbortSignal,
  calls: readonly ((signal: AbortSignal) => Promise<unknown>)[],
): Promise<void> {
  const abort = new AbortController();
  let first: { readonly error: unknown } | null = null;
  const both = AbortSignal.any([signal, abort.signal]);
  const running = calls.map((call) =>
    call(both).catch((error: unknown) => {
      first ??= { error };
      abort.abort(error);
    }),
  );
  await Promise.all(running);
  const failure = first as { readonly error: unknown } | null;
  if (failure) throw failure.error;
}
