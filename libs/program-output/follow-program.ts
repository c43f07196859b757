import { AppError } from '@crewtab/domain/errors';
import type { AgentProcess, OutputLine, ProgramResult, ProgramSpec } from '@crewtab/domain/ports/runtime';
import { OutputTail } from '@crewtab/domain/runs/output-tail';

/** A program that has been started, as its runtime sees it. */
interface StartedProgram {
  /** Of both streams; ends with the program, or when it is closed. */
  readonly output: AsyncIterable<OutputLine>;
  close(): void;
  /** Asked once the output has ended by itself. */
  inspect(): Promise<AgentProcess>;
}

/**
 * Reads until the program has ended or went beyond a limit; it may still run then.
 * @throws AppError `engine_error`: retryable once `signal` is aborted; not where the program was removed while it ran
 */
export async function followProgram(
  program: StartedProgram,
  { timeLimitMs, outputLimitBytes, onLine }: Pick<ProgramSpec, 'timeLimitMs' | 'outputLimitBytes' | 'onLine'>,
  signal: AbortSignal,
): Promise<ProgramResult> {
  const tail = new OutputTail();
  const limited = (end: 'time_limit' | 'output_limit'): ProgramResult => ({ end, exitCode: null, output: tail.text });
  const close = (): void => program.close();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    close();
  }, timeLimitMs);
  signal.addEventListener('abort', close, { once: true });
  if (signal.aborted) close();
  try {
    for await (const { text, isTooLong } of program.output) {
      tail.add(text);
      onLine?.(text);
      if (isTooLong || tail.bytes > outputLimitBytes) return limited('output_limit');
    }
  } finally {
    close();
    clearTimeout(timer);
    signal.removeEventListener('abort', close);
  }
  if (signal.aborted)
    throw new AppError('engine_error', 'given up while the program ran', { retryable: true, cause: signal.reason });
  if (isLate) return limited('time_limit');
  const process = await program.inspect();
  if (process.status !== 'exited') throw new AppError('engine_error', 'the program was removed while it ran');
  return { end: 'exited', exitCode: process.exitCode, output: tail.text };
}
