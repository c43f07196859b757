import { AppError, type ErrorCode } from './errors';

/** Files, processes or memory are short at this moment (errno(3)). */
const PASSING: readonly (string | undefined)[] = ['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM'];

/**
 * The operating system's errors in its own words, under the code of what was tried; retryable where they pass by themselves.
 * @param what goes before the words
 */
export async function translated<T>(code: ErrorCode, work: () => Promise<T>, what = ''): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AppError) throw error;
    const { code: errno, message } = error as NodeJS.ErrnoException;
    throw new AppError(code, `${what}${message}`, { cause: error, retryable: PASSING.includes(errno) });
  }
}
