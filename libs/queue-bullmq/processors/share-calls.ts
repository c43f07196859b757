/**
 * Makes many calls into few: while one is at work, those that come share the next one, which begins only after they
 * came and so sees all that they were about. Everyone gets the answer, or the error, of the call that served them.
 */
export function shareCalls<T>(work: () => Promise<T>): () => Promise<T> {
  let current: Promise<unknown> | null = null;
  let next: Promise<T> | null = null;
  const begin = (): Promise<T> => {
    next = null;
    const working = work();
    const settled = working.then(
      () => undefined,
      () => undefined,
    );
    current = settled;
    void settled.then(() => {
      if (current === settled) current = null;
    });
    return working;
  };
  return () => {
    if (current) next ??= current.then(begin);
    return next ?? begin();
  };
}
